"""A picture of a pack's entities: a box for each, with its columns, and a line for each reference.

The SVG stands alone, loads nothing and needs no script. Boxes and letters are filled for light and for dark, and the
lines between boxes are of a grey that shows on both, so the picture can be read where its page has chosen otherwise.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

from atdm_core import Entity, FakeText, Kind, OneOf

__all__ = ["draw_entities"]

WIDTH: Final = 228
GAP: Final = 64
LINE: Final = 22
MARGIN: Final = 8
STYLE: Final = """\
svg { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.box { fill: #ffffff; stroke: #8a8f98; }
.head { fill: #e8eef7; }
text { fill: #1f2328; }
.title { font-weight: bold; }
.kind { fill: #59636e; text-anchor: end; }
.line { fill: none; stroke: #8a8f98; stroke-width: 1.5; }
.end { fill: #8a8f98; }
@media (prefers-color-scheme: dark) {
  .box { fill: #1b1f27; }
  .head { fill: #2b3547; }
  text { fill: #e6e9ee; }
  .kind { fill: #a3abb6; }
}"""

Places = Mapping[str, tuple[int, int]]


def draw_entities(entities: Mapping[str, Entity], places: Places, title: str) -> str:
    """The SVG; `places` gives each entity its column (0-based, left to right) and the line its box begins on."""
    width = max(_left(places, name) + WIDTH for name in entities) + MARGIN
    height = max(_top(places, name) + _height(entity) for name, entity in entities.items()) + MARGIN
    lines = [
        _line(places, entities, name, column)
        for name, entity in entities.items()
        for column in entity.refs()
    ]  # fmt: skip
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{STYLE}\n</style>",
        *lines,
        *(_box(_left(places, name), _top(places, name), entity) for name, entity in entities.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(left: int, top: int, entity: Entity) -> str:
    height = _height(entity)
    parts = [
        f'<rect class="box" x="{left}" y="{top}" width="{WIDTH}" height="{height}" rx="4"/>',
        f'<rect class="head" x="{left + 1}" y="{top + 1}" width="{WIDTH - 2}" height="{LINE + 1}" rx="3"/>',
        f'<text class="title" x="{left + 8}" y="{top + 17}">{escape(entity.name)}</text>',
    ]
    if entity.reference:
        parts.append(f'<text class="kind" x="{left + WIDTH - 8}" y="{top + 17}">shared</text>')
    for number, (name, kind) in enumerate(entity.columns.items(), start=1):
        y = top + number * LINE + 19
        parts.append(f'<text x="{left + 8}" y="{y}">{escape(name)}</text>')
        parts.append(f'<text class="kind" x="{left + WIDTH - 8}" y="{y}">{_word(kind)}</text>')
    return "\n".join(parts)


def _line(places: Places, entities: Mapping[str, Entity], name: str, column: str) -> str:
    """From the column that refers to the key it refers to, along the sides that face each other."""
    entity = entities[name]
    parent = entities[entity.refs()[column]]
    rightwards = places[parent.name][0] > places[name][0]
    step = GAP // 2 if rightwards else -GAP // 2
    x1 = _left(places, name) + (WIDTH if rightwards else 0)
    x2 = _left(places, parent.name) + (0 if rightwards else WIDTH)
    y1 = _middle(places, entity, column)
    y2 = _middle(places, parent, parent.key)
    head = -7 if rightwards else 7
    return (
        f'<path class="line" d="M{x1} {y1}C{x1 + step} {y1} {x2 - step} {y2} {x2 + head} {y2}"/>'
        f'<path class="end" d="M{x2} {y2}l{head} -4v8z"/>'
    )


def _word(kind: Kind) -> str:
    """What a column holds, in a word or two."""
    match kind:
        case OneOf(allowed=allowed):
            return allowed[0] if len(allowed) == 1 else f"one of {len(allowed)}"
        case FakeText():
            return "FAKE_ text"
        case _:
            return type(kind).__name__.lower() + (" or null" if kind.nullable else "")


def _left(places: Places, name: str) -> int:
    return MARGIN + places[name][0] * (WIDTH + GAP)


def _top(places: Places, name: str) -> int:
    return MARGIN + places[name][1] * LINE


def _height(entity: Entity) -> int:
    return (len(entity.columns) + 1) * LINE + 8


def _middle(places: Places, entity: Entity, column: str) -> int:
    return _top(places, entity.name) + (list(entity.columns).index(column) + 1) * LINE + 14
