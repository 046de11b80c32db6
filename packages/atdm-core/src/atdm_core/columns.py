"""Whole columns: how the rows of an entity are held from the draw to the wire.

A column is one of four things, all of one length n:

- a numpy array: `datetime64[D]` for days, `datetime64[s]` for instants (UTC), `int64`, `bool`, or `float64`, where
  NaN is null;
- `Coded`: text of few distinct values, as integer codes into a `Pool` (a null is a pool entry);
- `Keys`: primary keys and references to them, as a stem and ordinals; the text exists on demand only;
- `Joined`: text put together from other columns and literals, on demand only.

Nothing here knows a random number, an entity or a domain.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Coded",
    "Column",
    "Ints",
    "Joined",
    "Keys",
    "Mask",
    "Pool",
    "concat",
    "constant",
    "days",
    "size",
    "take",
    "values",
]

_Array = NDArray[Any]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Pool:
    """An ordered set of texts (or null) that columns draw from. Order is part of its meaning: a code is an index.

    Pools compare by identity, so that what is once found out about a pool is kept for its life.
    """

    __slots__ = ("_masks", "values")

    def __init__(self, values: Iterable[str | None]) -> None:
        self.values = tuple(values)
        if not self.values:
            raise ValueError("a pool needs at least one value")
        self._masks: dict[tuple[str | None, ...], Mask] = {}

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Pool({', '.join(map(repr, self.values[:3]))}{', …' if len(self.values) > 3 else ''})"

    def mask(self, wanted: tuple[str | None, ...]) -> Mask:
        """Which entries are among `wanted`: a mask of the pool's length."""
        found = self._masks.get(wanted)
        if found is None:
            found = self._masks[wanted] = np.array([value in wanted for value in self.values])
        return found


class _Texts:
    """Rows of text: `==`, `!=` and `isin` give masks."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # equality is element-wise, as in numpy

    def isin(self, *wanted: str | None) -> Mask:
        """Where the text is one of `wanted`."""
        return np.array([text in wanted for text in self._values()], dtype=np.bool_)

    def __eq__(self, other: object) -> Mask:  # type: ignore[override]  # element-wise, as in numpy
        if other is None or isinstance(other, str):
            return self.isin(other)
        mine = self._values()
        if isinstance(other, _Texts):
            return np.array(mine, dtype=object) == np.array(other._values(), dtype=object)
        return np.zeros(len(mine), dtype=np.bool_)  # text equals nothing else

    def __ne__(self, other: object) -> Mask:  # type: ignore[override]  # element-wise, as in numpy
        return ~(self == other)

    def _values(self) -> list[Any]:
        return values(cast("Column", self))


class Coded(_Texts):
    """Text of few distinct values: `codes` (int64, length n) into `pool`."""

    __slots__ = ("codes", "pool")

    def __init__(self, codes: Ints, pool: Pool) -> None:
        self.codes = codes
        self.pool = pool

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"Coded(n={len(self)}, {self.pool!r})"

    def isin(self, *wanted: str | None) -> Mask:
        """See `_Texts.isin`; the pool is looked at once."""
        return self.pool.mask(wanted)[self.codes]


class Keys(_Texts):
    """Keys of one entity in one run: `stem` for ordinal 0 and `stem-<ordinal>` for the others."""

    __slots__ = ("ordinals", "stem")

    def __init__(self, stem: str, ordinals: Ints) -> None:
        self.stem = stem
        self.ordinals = ordinals

    def __len__(self) -> int:
        return len(self.ordinals)

    def __repr__(self) -> str:
        return f"Keys({self.stem!r}, n={len(self)})"


class Joined(_Texts):
    """Text put together row by row: literals and columns in order."""

    __slots__ = ("parts",)

    def __init__(self, *parts: "str | Column") -> None:
        if all(isinstance(part, str) for part in parts):
            raise ValueError("a joined column needs at least one column among its parts")
        self.parts = parts

    def __len__(self) -> int:
        return next(size(part) for part in self.parts if not isinstance(part, str))

    @classmethod
    def format(cls, template: str, *columns: "Column") -> Self:
        """`Joined.format("{} FAKE_{}", numbers, names)`: each `{}` takes the next column."""
        literals = template.split("{}")
        if len(literals) != len(columns) + 1:
            raise ValueError(f"the template {template!r} has {len(literals) - 1} places for {len(columns)} columns")
        parts: list[str | Column] = [literals[0]]
        for column, literal in zip(columns, literals[1:], strict=True):
            parts += [column, literal]
        return cls(*(part for part in parts if not (isinstance(part, str) and part == "")))


Column: TypeAlias = Coded | Keys | Joined | _Array


def size(column: Column) -> int:
    """The number of rows of a column."""
    return len(column)


@lru_cache(maxsize=4096)
def _pool_of_one(value: str | None) -> Pool:
    return Pool((value,))


def constant(value: str | float | date | None, rows: int) -> Column:
    """A column of `rows` times the same value."""
    if value is None or isinstance(value, str):
        return Coded(np.zeros(rows, dtype=np.int64), _pool_of_one(value))
    if isinstance(value, date):
        return np.full(rows, np.datetime64(value, "D"))
    return np.full(rows, value)


def take(column: Column, index: Ints) -> Column:
    """The rows of `column` at `index` (0-based), in that order."""
    match column:
        case Coded():
            return Coded(column.codes[index], column.pool)
        case Keys():
            return Keys(column.stem, column.ordinals[index])
        case Joined():
            return Joined(*(part if isinstance(part, str) else take(part, index) for part in column.parts))
        case _:
            return column[index]


def values(column: Column) -> list[Any]:
    """The rows as plain Python values: text, `date`, aware `datetime` (UTC), numbers, booleans or None."""
    match column:
        case Coded():
            pool = column.pool.values
            return [pool[code] for code in column.codes.tolist()]
        case Keys():
            stem = column.stem
            return [stem if ordinal == 0 else f"{stem}-{ordinal}" for ordinal in column.ordinals.tolist()]
        case Joined():
            rows = len(column)
            parts = ([part] * rows if isinstance(part, str) else values(part) for part in column.parts)
            return ["".join(map(str, row)) for row in zip(*parts, strict=True)]
        case _ if column.dtype.kind == "M" and np.datetime_data(column.dtype)[0] != "D":
            instants: list[datetime | None] = column.astype("datetime64[us]").tolist()
            return [instant and instant.replace(tzinfo=UTC) for instant in instants]
        case _ if column.dtype.kind == "f":
            return [None if number != number else number for number in column.tolist()]  # noqa: PLR0124 - NaN is null
        case _:
            return column.tolist()


def days(instants: _Array) -> _Array:
    """The UTC days (`datetime64[D]`) on which `instants` fall."""
    return instants.astype("datetime64[D]")


def concat(columns: Sequence[Column]) -> Column:
    """The rows of all columns, one after the other."""
    first = columns[0]
    if len(columns) == 1:
        return first
    if isinstance(first, Keys) and all(isinstance(c, Keys) and c.stem == first.stem for c in columns):
        return Keys(first.stem, np.concatenate([c.ordinals for c in columns if isinstance(c, Keys)]))
    arrays = [c for c in columns if isinstance(c, np.ndarray)]
    if len(arrays) == len(columns):
        return np.concatenate(arrays)
    coded = [c for c in columns if isinstance(c, Coded)]
    if len(coded) == len(columns) and sum(map(len, coded)) > sum(len(c.pool) for c in coded):
        return _concat_coded(coded)
    joined = [c.parts for c in columns if isinstance(c, Joined)]
    if len(joined) == len(columns) and len({tuple(map(_literal, parts)) for parts in joined}) == 1:
        return Joined(*(_concat_parts(parts) for parts in zip(*joined, strict=True)))
    pool: dict[str | None, int] = {}
    codes = [pool.setdefault(value, len(pool)) for column in columns for value in values(column)]
    return Coded(np.array(codes, dtype=np.int64), Pool(pool))


def _concat_coded(columns: Sequence[Coded]) -> Coded:
    """As `concat`, over the entries of the pools, which are fewer than the rows."""
    pool: dict[str | None, int] = {}
    places = [np.array([pool.setdefault(text, len(pool)) for text in c.pool.values]) for c in columns]
    codes = [place[c.codes] for place, c in zip(places, columns, strict=True)]
    return Coded(np.concatenate(codes), Pool(pool))


def _literal(part: str | Column) -> str | None:
    return part if isinstance(part, str) else None


def _concat_parts(parts: Sequence[str | Column]) -> str | Column:
    """The same literal of all, or their columns one after the other."""
    columns = [part for part in parts if not isinstance(part, str)]
    return concat(columns) if columns else parts[0]
