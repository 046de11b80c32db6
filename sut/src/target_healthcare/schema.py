"""The tables as the migrations declare them: what a bundle may name, and the order to insert it in.

The migrations are read, not the database's catalog (unless `TARGET_SCHEMA` says so: see `catalog`), so the schema is
known before anything connects. Read are CREATE, ALTER and DROP TABLE; what sqlglot cannot parse it reports in the log
and leaves out.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec
import sqlglot

from target_healthcare.ddl import TableDraft, apply_statement, read_domain, without_schema
from target_healthcare.migrations import Migration

_VIRTUAL: Final = re.compile(r"\)\s*VIRTUAL\b", re.IGNORECASE)
RUN_COLUMN = "test_run_id"
"""A table with this column carries whose its rows are; those of others the ledger remembers."""


class SchemaError(Exception):
    """A migration cannot be read; the message names the file."""


class Column(msgspec.Struct, frozen=True):
    """One column. `type` is the SQL type in lower case; keys the database makes count as defaults too."""

    name: str
    type: str
    nullable: bool
    has_default: bool


class ForeignKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """Columns that point at a row of another table (or of the same).

    `on_delete` is what the database does with the row by itself when that one is deleted (`cascade`, `set null` or
    `set default`); None where it refuses.
    """

    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...]
    on_delete: str | None = None


class TableParts(msgspec.Struct, frozen=True):
    """What migrations, or a catalog, say of a table."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]


class Table(msgspec.Struct, frozen=True, dict=True):
    """One table. `run_column` is null when its rows carry no run id."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    run_column: str | None
    run_column_nullable: bool

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns in their declared order."""
        return tuple(column.name for column in self.columns)

    @property
    def takes_runs(self) -> bool:
        """Whether rows of runs can be told from others: by a run column, or by the primary key and the ledger."""
        return self.run_column is not None or bool(self.primary_key)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that a row is named by: the primary key, or, where there is none, all."""
        return self.primary_key or self.column_names


class Schema(msgspec.Struct, frozen=True, dict=True):
    """All tables in insert order (parents first) and a version that changes when any of them does."""

    schema_version: str
    tables: tuple[Table, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """The tables by name."""
        return {table.name: table for table in self.tables}

    @cached_property
    def run_tables(self) -> tuple[Table, ...]:
        """The tables that take rows of runs, in insert order."""
        return tuple(table for table in self.tables if table.takes_runs)


def read_schema(migrations: Iterable[Migration]) -> Schema:
    """Read the tables that a sequence of migrations leaves behind; raises `SchemaError` on unreadable SQL."""
    drafts: dict[str, TableDraft] = {}
    domains: dict[str, str] = {}
    for migration in migrations:
        try:
            # sqlglot knows generated columns that are stored, and where they are kept makes no difference here.
            text = _VIRTUAL.sub(") STORED", migration.sql.decode())
            statements = sqlglot.parse(text, dialect="postgres")
        except (sqlglot.ParseError, sqlglot.TokenError, UnicodeDecodeError) as error:
            told = "if the database takes it all the same, apply it yourself and set TARGET_SCHEMA=database"
            raise SchemaError(f"{migration.file_name} cannot be read: {error}; {told}") from error
        for statement in statements:
            if statement is not None:
                apply_statement(drafts, statement)
                domains |= read_domain(statement)
    return make_schema(_parts(drafts, domains, name) for name in drafts)


def make_schema(parts: Iterable[TableParts]) -> Schema:
    """Put tables into insert order and find their version and their run columns."""
    tables = tuple(map(_finish, parts))
    return Schema(_version(tables), sort_by_foreign_keys(tables))


def sort_by_foreign_keys(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Put parents before children, otherwise in the given order.

    A table that refers to itself is no obstacle. No order is right for a cycle; its tables keep the given one.
    """
    waiting = {table.name: table for table in tables}
    ordered: list[Table] = []
    while waiting:
        ready = [table for table in waiting.values() if not _parents(table) & waiting.keys()]
        ordered += ready or [_first_of_a_cycle(waiting)]
        for table in ordered:
            waiting.pop(table.name, None)
    return tuple(ordered)


def has_circle(tables: Collection[Table]) -> bool:
    """Whether one of `tables`, which are in insert order, refers to one that comes after it."""
    waiting = {table.name for table in tables}
    for table in tables:
        if _parents(table) & waiting:
            return True
        waiting.remove(table.name)
    return False


def _first_of_a_cycle(waiting: Mapping[str, Table]) -> Table:
    """Walk from child to parent, where every table has one still waiting, until a table comes up again."""
    seen: set[str] = set()
    name = next(iter(waiting))
    while name not in seen:
        seen.add(name)
        name = next(key.references for key in waiting[name].foreign_keys if key.references in waiting.keys() - {name})
    return waiting[name]


def _parents(table: Table) -> set[str]:
    return {key.references for key in table.foreign_keys} - {table.name}


def _finish(parts: TableParts) -> Table:
    run_column = next((column for column in parts.columns if column.name == RUN_COLUMN), None)
    return Table(
        name=parts.name,
        columns=parts.columns,
        primary_key=parts.primary_key,
        foreign_keys=parts.foreign_keys,
        run_column=run_column and run_column.name,
        run_column_nullable=run_column is not None and run_column.nullable,
    )


def _parts(drafts: Mapping[str, TableDraft], domains: Mapping[str, str], name: str) -> TableParts:
    draft = drafts[name]
    columns = (
        Column(
            column.name,
            _behind(column.type, domains),
            column.nullable and column.name not in draft.primary_key,
            column.has_default,
        )
        for column in draft.columns.values()
    )
    foreign_keys = (
        ForeignKey(
            key.columns, key.references, key.referenced_columns or _primary_key(drafts, key.references), key.on_delete
        )
        for key in draft.foreign_keys.values()
    )
    return TableParts(name, tuple(columns), draft.primary_key, tuple(foreign_keys))


def _behind(name: str, domains: Mapping[str, str]) -> str:
    """The type that stands behind a domain, and behind the domain that may be."""
    seen: set[str] = set()
    while (domain := without_schema(name)) in domains and domain not in seen:
        seen.add(domain)
        name = domains[domain]
    return name


def _primary_key(drafts: Mapping[str, TableDraft], name: str) -> tuple[str, ...]:
    return drafts[name].primary_key if name in drafts else ()


def _version(tables: tuple[Table, ...]) -> str:
    by_name = sorted(tables, key=lambda table: table.name)
    return hashlib.sha256(msgspec.json.encode(by_name)).hexdigest()
