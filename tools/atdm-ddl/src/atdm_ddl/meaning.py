"""What to draw for a column, by its name and its type: the kind that guards it, and the line that makes it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from atdm_core.lifelike import lifelike_shape
from atdm_ddl.schema import Column

__all__ = [
    "FAKE_UUID",
    "POOLS",
    "Value",
    "allows",
    "bounds_of",
    "kind_of",
    "literal",
    "places_of",
    "range_of",
    "value_of",
]

POOLS: Final = {
    "CITIES": ("FAKE_Anwick", "FAKE_Corby", "FAKE_Dunmore", "FAKE_Elmswell"),
    "COMPANIES": ("FAKE_Alder & Co", "FAKE_Birch Ltd", "FAKE_Cedar AG", "FAKE_Dogwood SA"),
    "FIRST_NAMES": ("FAKE_Ada", "FAKE_Ben", "FAKE_Cleo", "FAKE_Dan", "FAKE_Eve"),
    "LAST_NAMES": ("FAKE_Ito", "FAKE_Lund", "FAKE_Marsh", "FAKE_Ohm", "FAKE_Okoye"),
    "NAMES": ("FAKE_Amber", "FAKE_Basalt", "FAKE_Coral", "FAKE_Dune", "FAKE_Ember"),
    "NOTES": ("FAKE_as agreed", "FAKE_by telephone", "FAKE_to be checked", "FAKE_urgent"),
    "STREETS": ("FAKE_Harbour Road", "FAKE_Mill Lane", "FAKE_Quarry Street"),
}
"""The pools of texts; a pack gets those that it draws from."""

_RECIPES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    # what the name matches, the line, the shortest and the longest text of it where no pool has them all
    (
        r"e?mail",
        'draw.text("FAKE_{{}}@example.test", draw.integer({name}, 1, 99_999))',
        ("FAKE_1@example.test", "FAKE_99999@example.test"),
    ),
    (
        r"e?mail",
        'draw.text("fake{{}}@example.test", draw.integer({name}, 1, 99_999))',
        ("fake1@example.test", "fake99999@example.test"),
    ),
    (r"phone|mobile|fax", 'draw.text("FAKE_555{{}}", draw.integer({name}, 1000, 9999))', ("FAKE_5551000",)),
    (r"first_?name|given", "draw.choice({name}, FIRST_NAMES)", ()),
    (r"last_?name|surname|family", "draw.choice({name}, LAST_NAMES)", ()),
    (r"zip|post(al)?_?code", 'draw.text("000{{}}", draw.integer({name}, 10, 99))', ("00010",)),
    (
        r"street|address|line_?\d",
        'draw.text("{{}} {{}}", draw.integer({number}, 1, 999), draw.choice({name}, STREETS))',
        ("1 FAKE_Mill Lane", "999 FAKE_Quarry Street"),
    ),
    (r"city|town", "draw.choice({name}, CITIES)", ()),
    (r"company|vendor|supplier|employer", "draw.choice({name}, COMPANIES)", ()),
    (
        r"url|link|website",
        'draw.text("https://example.test/FAKE_{{}}", draw.integer({name}, 1, 99_999))',
        ("https://example.test/FAKE_1", "https://example.test/FAKE_99999"),
    ),
    (r"note|comment|description|remark|reason", "draw.choice({name}, NOTES)", ()),
    (r"name|title|label|subject", "draw.choice({name}, NAMES)", ()),
    (r"", 'draw.text("FAKE_{{}}", draw.integer({name}, 1000, 99_999))', ("FAKE_1000", "FAKE_99999")),
    (r"", 'draw.text("FAKE_{{}}", draw.integer({name}, 10, 99))', ("FAKE_10",)),
)
_SAMPLES: Final = (
    *("fake_value", "fake-value", "fake@example.test", "Fake", "Fake value", "https://example.test/fake"),
    *("+15550100", "#000000", "1.0.0", "12:00", "2026-01-01", "/fake", "a", "1"),
    *(letter * length for letter in "Zz0" for length in range(1, 10)),
)
"""Texts for columns whose CHECKs want something of a form of its own."""
FAKE_UUID: Final = "fa4efa4e-fa4e-4fff-8fff-"
"""What stands before the last twelve digits of a UUID; letters keep it from looking like the number of a card."""
_DAYS: Final = (
    (r"birth|dob", (-80 * 365, -18 * 366)),
    (r"(^|_)(from|start|begin|since|joined|hired|opened)", (-300, -60)),
    (r"(^|_)(to|until|end|expir|due|valid)", (60, 300)),
    (r"", (-30, -1)),
)
_NUMBERS: Final = (
    (r"price|amount|total|cost|fee|balance|salary", (1, 999)),
    (r"quantity|qty|count|number_of", (1, 10)),
    (r"percent|discount", (0, 100)),
    (r"rate|ratio|share", (0, 1)),
    (r"year", (1990, 2030)),
    (r"age$", (18, 90)),
    (r"", (1, 1000)),
)
_OTHERS: Final = (
    (r"^time", "12:00:00", "always the same time"),
    (r"^interval", "1 day", "always the same interval"),
    (r"^(inet|cidr)", "192.0.2.1", "always the same address"),
    (r"^macaddr$", "02:00:00:00:00:00", "always the same address"),
    (r"^bytea", "FAKE_bytes", "always the same bytes"),
    (r"multirange$", "{}", "always no range"),
    (r"range$", "empty", "always the empty range"),
    (r"^money", "1.00", "always the same amount"),
    (r"^(var)?bit", "0", "always the same bits"),
    (r"^(point|geometry|geography)", "POINT(0 0)", "always the same point"),
    (r"^xml", "<FAKE/>", "always the same document"),
    (r"^hstore", "FAKE=>value", "always the same document"),
    (r"^(oid|xid|cid)", "1", "always the same number"),
    (r"^(name|tsvector|tsquery|ltree)", "FAKE_value", "always the same text"),
    (r"", "FAKE_value", "a type that is not known here: write its values yourself"),
)


@dataclass(frozen=True)
class Value:
    """The kind of a column, the line that makes it, the pools in that line, and what to tell people about it."""

    kind: str
    code: str
    pools: tuple[str, ...] = ()
    note: str = ""
    draws: bool = field(default=False)

    @property
    def of_run(self) -> bool:
        """Whether the value is of the run, and never of the seed."""
        return self.kind.startswith("Key(") or "of_run=True" in self.kind

    def as_of_run(self) -> "Value":
        """The same, for a column that is made from one of the run."""
        end = "(of_run=True)" if self.kind.endswith("()") else ", of_run=True)"
        return replace(self, kind=self.kind.removesuffix("()" if self.kind.endswith("()") else ")") + end)


def literal(value: object) -> str:
    """A value as Python source, texts in double quotes where that costs nothing."""
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text


def value_of(column: Column) -> Value:
    """What to draw for a column that is neither a key, nor a reference, nor one of few texts."""
    match column.type:
        case "text":
            return _text(column)
        case "integer" | "number":
            return _number(column)
        case "boolean":
            return _flag(column)
        case "date" | "timestamp":
            low, high = map(int, range_of(column))
            kind, draw = ("Day", "day") if column.type == "date" else ("Instant", "instant")
            return _drawn(kind, column, f"draw.{draw}({literal(column.name)}, {low}, {high})")
        case "uuid":
            number = f"draw.integer({literal(column.name)}, 10_000, 99_999)"
            return _drawn("Text", column, f'draw.text("{FAKE_UUID}fffffff{{}}", {number})')
        case "json" | "array" | "other":
            return _fixed(column)


def _flag(column: Column) -> Value:
    low, high = int(column.low or 0), 1 if column.high is None else int(column.high)
    code = f"draw.integer({literal(column.name)}, {low}, {high}) == 1"
    return Value(kind_of("Flag", column), code, draws=low < high)


def _fixed(column: Column) -> Value:
    if column.type == "other":
        text, told = next((text, told) for pattern, text, told in _OTHERS if re.search(pattern, column.base))
        size = re.fullmatch(r"bit\((\d+)\)", column.base)
        text = _POINT if column.base.startswith("point") else text * int(size[1]) if size else text
        return Value(kind_of("Text", column), literal(text), note=f"{column.declared}: {told}")
    text, told = ("{}", "object") if column.type == "json" else ("[]", "array")
    return Value(kind_of("Json", column), literal(text), note=f"always an empty {told}")


def _text(column: Column) -> Value:
    return _recipe(column, column.name) or _padded(column) or _recipe(column, None) or _constant(column)


def _recipe(column: Column, name: str | None) -> Value | None:
    """The first text that the column allows, of the recipes for a name, or of all."""
    for pattern, template, extremes in _RECIPES:
        pools = tuple(name for name in POOLS if re.search(rf"\b{name}\b", template))
        texts = extremes or POOLS[pools[0]]
        fits = name is None or re.search(pattern, name, re.IGNORECASE)
        if fits and all(allows(column, text) for text in texts):
            code = template.format(name=literal(column.name), number=literal(f"{column.name}_number"))
            return _drawn("FakeText" if "FAKE_" in texts[0] else "Text", column, code, pools)
    return None


def _padded(column: Column) -> Value | None:
    """A text with as many letters and digits as the column wants; None where that does not fit."""
    digits = 5 if column.length is None else min(5, column.length - len("FAKE_"))
    start = "FAKE_" + "x" * (column.shortest - len("FAKE_") - digits)
    if digits < 1 or not all(allows(column, start + digit * digits) for digit in "19"):
        return None
    number = f"draw.integer({literal(column.name)}, {10 ** (digits - 1)}, {10**digits - 1})"
    return _drawn("FakeText", column, f'draw.text("{start}{{}}", {number})')


def _constant(column: Column) -> Value:
    texts = [*column.hints, "Z" * max(column.shortest, min(column.length or 1, 2)), *_SAMPLES]
    made = next((text for text in texts if allows(column, text)), None)
    note = "" if made is not None else "no text was found that its checks allow: write one"
    return Value(kind_of("Text", column), literal(texts[0] if made is None else made), note=note)


def allows(column: Column, text: str) -> bool:
    """Whether a text has the length and the form that the column wants, and looks like nothing real."""
    fits = column.shortest <= len(text) and (column.length is None or len(text) <= column.length)
    return fits and not lifelike_shape(text) and all(re.search(pattern, text) for pattern in column.patterns)


def _number(column: Column) -> Value:
    low, high = range_of(column)
    if column.type == "integer":
        first, last = math.ceil(low), math.floor(high)
        kind = f"Integer({bounds_of(column, math.ceil)})"
        return Value(kind, f"draw.integer({literal(column.name)}, {first}, {last})", draws=first < last)
    places = places_of(column)
    first, last = math.ceil(round(low * 10**places, 6)), math.floor(round(high * 10**places, 6))
    bounds = bounds_of(column, float)
    kind = f"Number({bounds}{', ' if bounds else ''}places={places})"
    return Value(kind, f"draw.integer({literal(column.name)}, {first}, {last}) / {10**places}", draws=first < last)


_POINT: Final = "(0,0)"


def places_of(column: Column) -> int:
    """The decimal places of the numbers that are drawn."""
    return 2 if column.places is None else min(column.places, 6)


def range_of(column: Column) -> tuple[float, float]:
    """What to draw from: what the name suggests, moved to where the checks allow it; days after that of the bundle."""
    known = _DAYS if column.type in ("date", "timestamp") else _NUMBERS
    low, high = next(range_ for pattern, range_ in known if re.search(pattern, column.name, re.IGNORECASE))
    least = -math.inf if column.low is None else column.low
    most = math.inf if column.high is None else column.high
    if high < least:
        return least, min(most, least + high - low)
    if low > most:
        return max(least, most - (high - low), 0 if most > 0 else -math.inf), most
    return max(low, least), min(high, most)


def bounds_of(column: Column, whole: Callable[[float], float]) -> str:
    """The arguments of the kind of a column of numbers."""
    told = [f"low={whole(column.low)}"] if column.low is not None else []
    told += [f"high={whole(column.high)}"] if column.high is not None else []
    told += ["nullable=True"] if column.nullable else []
    return ", ".join(told)


def _drawn(kind: str, column: Column, code: str, pools: tuple[str, ...] = ()) -> Value:
    return Value(kind_of(kind, column), code, pools, draws=True)


def kind_of(kind: str, column: Column, *, of_run: bool = False) -> str:
    """The kind of a column as source, without bounds."""
    told = [*(["nullable=True"] if column.nullable else []), *(["of_run=True"] if of_run else [])]
    return f"{kind}({', '.join(told)})"
