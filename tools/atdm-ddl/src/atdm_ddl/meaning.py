"""What to draw for a column, by its name and its type: the kind that guards it, and the line that makes it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from atdm_ddl.checks import like_pattern
from atdm_ddl.schema import Column

__all__ = ["POOLS", "Value", "literal", "places_of", "range_of", "value_of"]

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

_CODE: Final = 'draw.text("FAKE_{{}}", draw.integer({name}, 10, 99))'
_RECIPES: Final[tuple[tuple[str, str, str], ...]] = (
    # what the name matches, the line, the longest text of it
    (r"e?mail", 'draw.text("FAKE_{{}}@example.test", draw.integer({name}, 1, 99_999))', "FAKE_99999@example.test"),
    (r"phone|mobile|fax", 'draw.text("FAKE_555{{}}", draw.integer({name}, 1000, 9999))', "FAKE_5559999"),
    (r"first_?name|given", "draw.choice({name}, FIRST_NAMES)", ""),
    (r"last_?name|surname|family", "draw.choice({name}, LAST_NAMES)", ""),
    (r"zip|post(al)?_?code", 'draw.text("000{{}}", draw.integer({name}, 10, 99))', "00099"),
    (
        r"street|address|line_?\d",
        'draw.text("{{}} {{}}", draw.integer({number}, 1, 999), draw.choice({name}, STREETS))',
        "999 FAKE_Quarry Street",
    ),
    (r"city|town", "draw.choice({name}, CITIES)", ""),
    (r"company|vendor|supplier|employer", "draw.choice({name}, COMPANIES)", ""),
    (
        r"url|link|website",
        'draw.text("https://example.test/FAKE_{{}}", draw.integer({name}, 1, 99_999))',
        "https://example.test/FAKE_99999",
    ),
    (r"note|comment|description|remark|reason", "draw.choice({name}, NOTES)", ""),
    (r"name|title|label|subject", "draw.choice({name}, NAMES)", ""),
    (r"", 'draw.text("FAKE_{{}}", draw.integer({name}, 1000, 99_999))', "FAKE_99999"),
    (r"", _CODE, "FAKE_99"),
)
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
    (r"time", "12:00:00", "always the same time"),
    (r"interval", "1 day", "always the same interval"),
    (r"inet|cidr", "192.0.2.1", "always the same address"),
    (r"bytea", "FAKE_bytes", "always the same bytes"),
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
            return _drawn("Flag", column, f"draw.integer({literal(column.name)}, 0, 1) == 1")
        case "date" | "timestamp":
            low, high = next(days for pattern, days in _DAYS if re.search(pattern, column.name))
            kind, draw = ("Day", "day") if column.type == "date" else ("Instant", "instant")
            return _drawn(kind, column, f"draw.{draw}({literal(column.name)}, {low}, {high})")
        case "uuid":
            code = (
                'draw.text("00000000-0000-4000-8000-0000000{}", draw.integer('
                + literal(column.name)
                + ", 10_000, 99_999))"
            )
            return _drawn("Text", column, code)
        case "json" | "array" | "other":
            return _fixed(column)


def _fixed(column: Column) -> Value:
    if column.type == "other":
        text, told = next((text, told) for pattern, text, told in _OTHERS if re.search(pattern, column.declared))
        return Value(_kind("Text", column), literal(text), note=f"{column.declared}: {told}")
    text, told = ("{}", "object") if column.type == "json" else ("[]", "array")
    return Value(_kind("Json", column), literal(text), note=f"always an empty {told}")


def _text(column: Column) -> Value:
    for pattern, template, longest in _RECIPES:
        pools = tuple(name for name in POOLS if re.search(rf"\b{name}\b", template))
        texts = (longest,) if longest else POOLS[pools[0]]
        if re.search(pattern, column.name, re.IGNORECASE) and all(_allows(column, text) for text in texts):
            code = template.format(name=literal(column.name), number=literal(f"{column.name}_number"))
            return _drawn("FakeText" if "FAKE_" in texts[0] else "Text", column, code, pools)
    made = "Z" * min(column.length or 1, 2)
    if column.likes:
        made = re.sub(r"\\(.)", r"\1", column.likes[0].replace("%", ""))
    note = "" if _allows(column, made) else "no text was found that its checks allow: write one"
    return Value(_kind("Text", column), literal(made), note=note)


def _allows(column: Column, text: str) -> bool:
    fits = column.length is None or len(text) <= column.length
    return fits and all(re.fullmatch(like_pattern(like), text) for like in column.likes)


def _number(column: Column) -> Value:
    low, high = range_of(column)
    if column.type == "integer":
        first, last = math.ceil(low), math.floor(high)
        kind = f"Integer({_bounds(column, math.ceil)})"
        return Value(kind, f"draw.integer({literal(column.name)}, {first}, {last})", draws=first < last)
    places = places_of(column)
    first, last = math.ceil(round(low * 10**places, 6)), math.floor(round(high * 10**places, 6))
    bounds = _bounds(column, float)
    kind = f"Number({bounds}{', ' if bounds else ''}places={places})"
    return Value(kind, f"draw.integer({literal(column.name)}, {first}, {last}) / {10**places}", draws=first < last)


def places_of(column: Column) -> int:
    """The decimal places of the numbers that are drawn."""
    return 2 if column.places is None else min(column.places, 6)


def range_of(column: Column) -> tuple[float, float]:
    """What to draw from: what the name suggests, moved to where the checks allow it."""
    low, high = next(range_ for pattern, range_ in _NUMBERS if re.search(pattern, column.name, re.IGNORECASE))
    least = -math.inf if column.low is None else column.low
    most = math.inf if column.high is None else column.high
    if high <= least:
        return least, min(most, least + high - low)
    if low >= most:
        return max(least, most - (high - low)), most
    return max(low, least), min(high, most)


def _bounds(column: Column, whole: Callable[[float], float]) -> str:
    told = [f"low={whole(column.low)}"] if column.low is not None else []
    told += [f"high={whole(column.high)}"] if column.high is not None else []
    told += ["nullable=True"] if column.nullable else []
    return ", ".join(told)


def _drawn(kind: str, column: Column, code: str, pools: tuple[str, ...] = ()) -> Value:
    return Value(_kind(kind, column), code, pools, draws=True)


def _kind(kind: str, column: Column) -> str:
    return f"{kind}({'nullable=True' if column.nullable else ''})"
