"""Entities: the columns a pack's rows have, and what may stand in them.

A kind looks at a whole column and says what is wrong with it, or None. Text is looked at once per pool, not once per
row, so the check costs the same for one row and for a million.
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np

from atdm_core.columns import Coded, Column, Joined, Keys, Pool, constant, take, values
from atdm_core.errors import GeneratorFailed
from atdm_core.lifelike import lifelike_shape

if TYPE_CHECKING:
    from atdm_core.table import Table

__all__ = [
    "Day",
    "Entity",
    "FakeText",
    "Flag",
    "Instant",
    "Integer",
    "Json",
    "Key",
    "Kind",
    "Number",
    "OneOf",
    "Ref",
    "Text",
]

SAMPLED_ROWS = 32  # of a joined column, whose texts are not known one by one


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What may stand in a column.

    `nullable`: whether null may. `of_run`: whether its values are of the run and never of the seed, as those of
    `draw.serial` and `draw.code` are, or as those that it copies from such a column.
    """

    nullable: bool = False
    of_run: bool = False

    def fault(self, column: Column) -> str | None:
        """What is wrong with the column, as the end of a sentence, or None."""
        raise NotImplementedError

    def nulls(self, rows: int) -> Column:
        """A column of nulls, in the form that this kind's values have."""
        return constant(None, rows)

    def plain(self, column: Column) -> list[Any]:
        """The rows of the column as plain Python values."""
        return values(column)


class Text(Kind, frozen=True):
    """Text that matches a regular expression in full, where one is given, and has no lifelike shape."""

    pattern: str | None = None

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        match column:
            case Coded():
                return _fault_of_pool(self, column.pool)
            case Joined():
                first = take(column, np.arange(min(len(column), SAMPLED_ROWS)))
                return self.fault_of_texts(values(first))
            case Keys():
                return "holds keys, not text"
            case _:
                return self.fault_of_texts(set(values(column)))

    def fault_of_texts(self, texts: Iterable[object]) -> str | None:
        """What is wrong with the first text that is wrong, or None."""
        for text in texts:
            if text is None:
                if not self.nullable:
                    return "is null"
            elif not isinstance(text, str):
                return f"holds {text!r}, which is not text"
            elif self.pattern is not None and not re.fullmatch(self.pattern, text):
                return f"holds {text!r}, which does not match {self.pattern}"
            elif shape := lifelike_shape(text):
                return f"holds {text!r}, which could pass as {shape}"
        return None


class FakeText(Text, frozen=True):
    """Text that carries the marker `FAKE_`, so that nobody can take it for real."""

    marker: ClassVar[str] = "FAKE_"

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        if isinstance(column, Joined) and not any(self._marks(part) for part in column.parts):
            return f"has no part that carries {self.marker} in every row"
        return super().fault(column)

    def fault_of_texts(self, texts: Iterable[object]) -> str | None:
        """See `Text.fault_of_texts`."""
        texts = list(texts)
        for text in texts:
            if isinstance(text, str) and self.marker not in text:
                return f"holds {text!r}, which does not carry {self.marker}"
        return super().fault_of_texts(texts)

    def _marks(self, part: "str | Column") -> bool:
        if isinstance(part, str):
            return self.marker in part
        return isinstance(part, Coded) and _all_carry(self.marker, part.pool)


class OneOf(Text, frozen=True):
    """One of the named texts."""

    allowed: tuple[str, ...] = ()

    def fault_of_texts(self, texts: Iterable[object]) -> str | None:
        """See `Text.fault_of_texts`."""
        for text in texts:
            if not (text in self.allowed or (text is None and self.nullable)):
                return f"holds {text!r}, which is not one of {', '.join(self.allowed)}"
        return None


class Json(Text, frozen=True):
    """A JSON document or an array. A draw makes its text (`Pool(('["FAKE_a"]', "[]"))`); rows have the value itself."""

    def fault_of_texts(self, texts: Iterable[object]) -> str | None:
        """See `Text.fault_of_texts`."""
        texts = list(texts)
        if fault := super().fault_of_texts(texts):
            return fault
        return next((f"holds {text!r}, which is not JSON" for text in texts if not _is_json(text)), None)

    def plain(self, column: Column) -> list[Any]:
        """See `Kind.plain`."""
        return [None if text is None else msgspec.json.decode(text) for text in values(column)]


class Key(Kind, frozen=True):
    """The primary key, or another text that no two rows may share: of the run, and never of the seed."""

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        return None if isinstance(column, Keys) else "is the primary key: make it with draw.key(prefix)"


class Ref(Kind, frozen=True):
    """The key of a row of another entity: of this run, or one of the shared reference rows."""

    entity: str

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        if isinstance(column, Coded):
            return "is null" if not self.nullable and column.isin(None).any() else None
        if isinstance(column, Keys):
            return None
        return f"refers to {self.entity}: make it with draw.ref({self.entity!r}), or name a shared row"


class Day(Kind, frozen=True):
    """A calendar day."""

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        return _fault_of_dates(self, column, "D", "days")

    def nulls(self, rows: int) -> Column:
        """See `Kind.nulls`."""
        return np.full(rows, np.datetime64("NaT", "D"))


class Instant(Kind, frozen=True):
    """A point in time, UTC, in whole seconds."""

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        return _fault_of_dates(self, column, "s", "instants")

    def nulls(self, rows: int) -> Column:
        """See `Kind.nulls`."""
        return np.full(rows, np.datetime64("NaT", "s"))


class Integer(Kind, frozen=True):
    """An integer from `low` to `high`, both included."""

    low: int = -(2**63)
    high: int = 2**63 - 1

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        if _only_nulls(column):
            return None if self.nullable else "is null"
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iu":
            return "does not hold integers"
        if len(column) and not (self.low <= column.min() and column.max() <= self.high):
            return f"holds integers outside {self.low} to {self.high}"
        return None


class Number(Kind, frozen=True):
    """A number from `low` to `high`, both included. `places`: its decimal places, at most. NaN stands for null."""

    low: float = -math.inf
    high: float = math.inf
    places: int | None = None

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        if not isinstance(column, np.ndarray) or column.dtype.kind != "f":
            return "does not hold numbers (float64)"
        null = np.isnan(column)
        if null.any() and not self.nullable:
            return "is null"
        told = column[~null]
        if not np.isfinite(told).all() or (told < self.low).any() or (told > self.high).any():
            return f"holds numbers outside {self.low} to {self.high}"
        exact = self.places is None or np.array_equal(np.round(told, self.places), told)
        return None if exact else f"holds numbers of more than {self.places} decimal places: divide integers"

    def nulls(self, rows: int) -> Column:
        """See `Kind.nulls`."""
        return np.full(rows, np.nan)


class Flag(Kind, frozen=True):
    """True or false."""

    def fault(self, column: Column) -> str | None:
        """See `Kind.fault`."""
        if _only_nulls(column):
            return None if self.nullable else "is null"
        return None if isinstance(column, np.ndarray) and column.dtype.kind == "b" else "does not hold booleans"


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the domain: its columns in order, its key, and the column that carries the run's id.

    A `reference` entity holds rows that all runs share; generators refer to them and never make them.
    """

    name: str
    key: str
    columns: Mapping[str, Kind]
    reference: bool = False
    run_column: str | None = "test_run_id"

    def refs(self) -> Mapping[str, str]:
        """The columns that refer to other entities, with the entity's name."""
        return {name: kind.entity for name, kind in self.columns.items() if isinstance(kind, Ref)}

    def check(self, table: "Table", generator: str) -> None:
        """Raise `GeneratorFailed` when the table is not what this entity allows."""
        missing = [name for name in self.columns if name not in table.columns]
        extra = [name for name in table.columns if name not in self.columns and name != self.run_column]
        if missing or extra:
            told = [f"lacks {', '.join(missing)}"] if missing else []
            told += [f"has {', '.join(extra)}, which {self.name} does not have"] if extra else []
            raise GeneratorFailed(f"{generator}: the row of {self.name} {' and '.join(told)}", generator=generator)
        rows = len(table)
        for name, kind in self.columns.items():
            column = table.columns[name]
            fault = f"has {len(column)} rows instead of {rows}" if len(column) != rows else kind.fault(column)
            if fault:
                raise GeneratorFailed(
                    f"{generator}: {self.name}.{name} {fault}",
                    generator=generator,
                    entity=self.name,
                    column=name,
                )


@lru_cache(maxsize=4096)
def _all_carry(marker: str, pool: Pool) -> bool:
    return all(text is not None and marker in text for text in pool.values)


@lru_cache(maxsize=4096)
def _fault_of_pool(kind: Text, pool: Pool) -> str | None:
    return kind.fault_of_texts(pool.values)


def _is_json(text: object) -> bool:
    try:
        return text is None or (isinstance(text, str) and bool(msgspec.json.decode(text, type=msgspec.Raw)))
    except msgspec.DecodeError:
        return False


def _only_nulls(column: Column) -> bool:
    return isinstance(column, Coded) and column.pool.values == (None,)


def _fault_of_dates(kind: Kind, column: Column, unit: str, name: str) -> str | None:
    if isinstance(column, np.ndarray) and column.dtype == np.dtype(f"datetime64[{unit}]"):
        return "is null" if not kind.nullable and np.isnat(column).any() else None
    return f"does not hold {name} (datetime64[{unit}])"
