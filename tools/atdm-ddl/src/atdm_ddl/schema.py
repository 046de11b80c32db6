"""A schema, as far as its DDL says something that rows must keep."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Column", "ForeignKey", "Order", "Schema", "Table", "Type"]

Type: TypeAlias = Literal["text", "integer", "number", "boolean", "date", "timestamp", "uuid", "json", "array", "other"]


@dataclass
class Column:
    """A column, and what its rows must keep.

    `base`: the type behind a domain, else what was `declared`. `given`: the database makes a value where none comes;
    `fresh`: one that no two rows share; `computed`: it allows no other. `shortest` to `length` are the characters of a
    text, `low` to `high` the range of numbers, of days after that of the bundle, or of booleans (all included),
    `places` the decimals, `allowed` the only texts, `patterns` regular expressions that every text has, `hints` texts
    that may match them. None where the DDL does not say. `unsure`: a CHECK that was not understood names it.
    """

    name: str
    type: Type
    declared: str
    base: str = ""
    nullable: bool = True
    given: bool = False
    fresh: bool = False
    computed: bool = False
    shortest: int = 1
    length: int | None = None
    low: float | None = None
    high: float | None = None
    places: int | None = None
    allowed: tuple[str, ...] | None = None
    patterns: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    unsure: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """Columns that point at columns of a row of another table (or of the same): `others`, in the same order.

    A table of another schema of the database is named with it.
    """

    columns: tuple[str, ...]
    table: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """A CHECK between two columns of a row: `late` is not less than `early`, or, where `strict`, greater."""

    early: str
    late: str
    strict: bool


@dataclass
class Table:
    """A table of a schema of the database.

    `unique` holds its UNIQUE constraints without the primary key, `unlike` pairs of columns that a CHECK keeps apart.
    """

    name: str
    schema: str = "public"
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    primary_key: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    foreign_keys: list[ForeignKey] = field(default_factory=list[ForeignKey])
    orders: list[Order] = field(default_factory=list[Order])
    unlike: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@dataclass
class Schema:
    """Tables by name, in the order of the DDL, and what the DDL says besides: sentences for people."""

    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    notes: list[str] = field(default_factory=list[str])
