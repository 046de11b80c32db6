"""Values of the run, for columns that must be UNIQUE: two runs of one seed would collide on those of the seed."""

import math
import re
from dataclasses import dataclass
from typing import Final

from atdm_ddl.keys import fits_key
from atdm_ddl.meaning import FAKE_UUID, Value, allows, bounds_of, kind_of, literal, places_of
from atdm_ddl.schema import Column

__all__ = ["ENOUGH", "OfRun", "range_of_run", "value_of_run"]

ENOUGH: Final = 10**6
"""The number of values at which nobody needs to be told that two runs may share one."""
_MOST: Final = 2**53
_MOST_SCALED: Final = 10**12  # of numbers with decimal places, which a float must hold exactly
_MOST_SINGLE: Final = 2**23  # of those that a float of four bytes must hold apart
_LETTERS: Final = range(11, 6, -1)
_TEXTS: Final = (
    (r"e?mail", "FAKE_{}@example.test"),
    (r"url|link|website", "https://example.test/FAKE_{}"),
    (r"", "FAKE_{}"),
    (r"", "FAKE_{}@example.test"),
    (r"", "https://example.test/FAKE_{}"),
)
_DIGITS: Final = (
    ("fake{}@example.test", (9, 8, 7)),
    ("fake-{}", (9, 8, 7)),
    ("{}", (12, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1)),  # ten digits may pass as the number of a provider
)
"""For texts that may have no capital letters, each with the digits it may have."""
_DOWN: Final = 30_000  # as far as any type of integers reaches below a number that is not above zero
_DAYS: Final = 30_000
_SECONDS: Final = 10**9


@dataclass(frozen=True)
class OfRun:
    """What to make of a column, and how many values there are: two runs share one with a chance of 1 in `values`."""

    value: Value
    values: float


def value_of_run(column: Column, prefix: str) -> OfRun | None:
    """A value that no other row of the run has, and hardly any other run; None where nothing can make one."""
    if column.allowed is not None:
        return None
    if column.type in ("integer", "number"):
        return _number(column)
    if column.type in ("date", "timestamp"):
        return _moment(column)
    if column.type == "uuid":
        number = f"draw.serial({literal(column.name)}, {10**11:_}, {10**12 - 1:_})"
        return _joined(column, "Text", f"{FAKE_UUID}{{}}", number, 9 * 10**11)
    if column.base == "bytea":
        return _joined(column, "FakeText", "FAKE_{}", f"draw.code({literal(column.name)}, 11)", 26**11)
    return _text(column, prefix) if column.type == "text" else None


def range_of_run(column: Column) -> tuple[float, float]:
    """The range of the serial numbers, or days, of a column, without regard to how many there may be."""
    low, high = (-_DAYS, -1) if column.type in ("date", "timestamp") else (1, math.inf)
    return low if column.low is None else column.low, high if column.high is None else column.high


def _text(column: Column, prefix: str) -> OfRun | None:
    of_form = next((text for pattern, text in _TEXTS[:2] if re.search(pattern, column.name, re.IGNORECASE)), None)
    if of_form is None and fits_key(column, prefix):
        return OfRun(Value("Key()", f"draw.key({literal(prefix)})"), math.inf)
    for pattern, text in _TEXTS:
        for length in _LETTERS if re.search(pattern, column.name, re.IGNORECASE) else ():
            if all(allows(column, text.format(letter * length)) for letter in "AZ"):
                kind = "FakeText"
                return _joined(column, kind, text, f"draw.code({literal(column.name)}, {length})", 26**length)
    for length in range(11, 0, -1):
        if all(allows(column, letter * length) for letter in "AZ"):
            code = f"draw.code({literal(column.name)}, {length})"
            return OfRun(Value(kind_of("Text", column, of_run=True), code), 26**length)
    for text, lengths in _DIGITS:
        for length in lengths:
            low, high = 10 ** (length - 1), 10**length - 1
            if all(allows(column, text.format(number)) for number in (low, high)):
                number = f"draw.serial({literal(column.name)}, {low:_}, {high:_})"
                return _joined(column, "Text", text, number, high - low + 1)
    return None


def _joined(column: Column, kind: str, text: str, part: str, values: float) -> OfRun:
    return OfRun(Value(kind_of(kind, column, of_run=True), f"draw.text({literal(text)}, {part})"), values)


def _number(column: Column) -> OfRun:
    is_whole = column.type == "integer"
    places = 0 if is_whole else places_of(column)
    scale, most = (
        10**places,
        _MOST_SINGLE if column.base.startswith(("real", "float")) else _MOST_SCALED if places else _MOST,
    )
    last = math.inf if column.high is None else math.floor(round(column.high * scale, 6))
    first = min(1, last - _DOWN) if column.low is None else math.ceil(round(column.low * scale, 6))
    low = 1 if first <= 1 <= last else int(first)
    high = int(min(low + most - 1, last))
    told = [bounds_of(column, math.ceil if is_whole else float), *([] if is_whole else [f"places={places}"])]
    kind = f"{'Integer' if is_whole else 'Number'}({', '.join(filter(None, [*told, 'of_run=True']))})"
    code = f"draw.serial({literal(column.name)}, {low:_}, {high:_})" + ("" if is_whole else f" / {scale}")
    return OfRun(Value(kind, code), high - low + 1)


def _moment(column: Column) -> OfRun | None:
    """A day, or an instant, before that of the bundle."""
    if column.low is not None:
        return None
    kind, most, unit = ("Day", _DAYS, "D") if column.type == "date" else ("Instant", _SECONDS, "s")
    last = min(-1, -1 if column.high is None else int(column.high) * (1 if unit == "D" else 86_400))
    name = literal(column.name)
    code = f'draw.day({name}, 0, 0) + draw.serial({name}, {last - most + 1:_}, {last}).astype("timedelta64[{unit}]")'
    return OfRun(Value(kind_of(kind, column, of_run=True), code), most)
