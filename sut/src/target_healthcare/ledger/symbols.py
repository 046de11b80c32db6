"""Symbolic keys: where a key is an integer or a UUID, a bundle may name a row by any other text.

The target makes the real keys before it writes, and puts them in wherever a foreign key refers to them, from row to
row: so rows may refer to one another in any order. Numbers and UUIDs stand for themselves.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from psycopg import sql

from target_healthcare.database import Connection
from target_healthcare.errors import InvalidRequest, InvalidValue
from target_healthcare.ledger.bundle import Row, TableRows
from target_healthcare.schema import Schema, Table

RealKey: TypeAlias = int | str

_INTEGERS: Final = frozenset(
    {"smallint", "int", "integer", "bigint", "smallserial", "serial", "bigserial", "int2", "int4", "int8"}
)
_INTEGER_FORM: Final = re.compile(r"\s*[+-]?\d+\s*")

_rows_decoder: Final = msgspec.json.Decoder(list[Row])


class KeyColumn(NamedTuple):
    """The column in which keys of rows are made."""

    table: str
    column: str


MadeKeys: TypeAlias = Mapping[KeyColumn, Mapping[str, RealKey]]
"""The real keys by their symbols."""


class Symbols:
    """The columns of a schema in which symbolic keys may stand."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._columns: dict[str, dict[str, KeyColumn]] = {}
        for table in schema.run_tables:
            made = ((column, self._made_in(table, column, frozenset())) for column in table.column_names)
            if columns := {column: place for column, place in made if place is not None}:
                self._columns[table.name] = columns

    def __bool__(self) -> bool:
        return bool(self._columns)

    def places_in(self, table_name: str) -> Mapping[str, KeyColumn]:
        """The columns of a table in which symbols may stand, and where each is made."""
        return self._columns.get(table_name, {})

    def find(self, bundle: Iterable[TableRows]) -> dict[KeyColumn, list[str]]:
        """The symbols that rows of a bundle are named by, each once. Raises `InvalidRequest` for one in two tables."""
        found: dict[KeyColumn, dict[str, None]] = {}
        for part in bundle:
            for column, place in self._columns.get(part.table, {}).items():
                if place == (part.table, column) and column in part.columns:
                    uuids = self.holds_uuids(place)
                    symbols = (_symbol(row[column], uuids=uuids) for row in _rows_decoder.decode(part.rows))
                    if named := dict.fromkeys(symbol for symbol in symbols if symbol is not None):
                        found[place] = named
        seen: dict[str, KeyColumn] = {}
        for place, symbols in found.items():
            for symbol in symbols:
                if (other := seen.setdefault(symbol, place)) != place:
                    raise InvalidRequest(
                        f"'{symbol}' names a row of '{other.table}' and one of '{place.table}'; "
                        "give every row a symbolic key of its own",
                        table=place.table,
                    )
        return {place: list(symbols) for place, symbols in found.items()}

    def resolve(self, bundle: Iterable[TableRows], made: MadeKeys) -> list[TableRows]:
        """Put the real keys in; raises `InvalidValue` where a symbol names no row of the bundle."""
        return [self._resolve(part, made) if part.table in self._columns else part for part in bundle]

    def _resolve(self, part: TableRows, made: MadeKeys) -> TableRows:
        rows = _rows_decoder.decode(part.rows)
        for column, place in self._columns[part.table].items():
            if column not in part.columns:
                continue
            uuids, keys = self.holds_uuids(place), made.get(place, {})
            for index, row in enumerate(rows):
                symbol = _symbol(row[column], uuids=uuids)
                if symbol is None:
                    continue
                if symbol not in keys:
                    raise InvalidValue(
                        f"row {index} of '{part.table}' refers to '{symbol}', which is no row of '{place.table}' in "
                        "this bundle; send that row too, or give the key that it has",
                        table=part.table,
                        column=column,
                    )
                row[column] = msgspec.Raw(msgspec.json.encode(keys[symbol]))
        return msgspec.structs.replace(part, rows=msgspec.json.encode(rows).decode())

    def _made_in(self, table: Table, column: str, seen: frozenset[tuple[str, str]]) -> KeyColumn | None:
        """Where the value of a column is made: follow its foreign keys to a column of a primary key."""
        seen |= {(table.name, column)}
        for key in table.foreign_keys:
            parent = self._schema.by_name.get(key.references)
            if column not in key.columns or parent is None or not key.referenced_columns:
                continue
            referenced = key.referenced_columns[key.columns.index(column)]
            if (parent.name, referenced) not in seen and (place := self._made_in(parent, referenced, seen)):
                return place
        is_made = table.takes_runs and column in table.primary_key and _can_be_made(table, column)
        return KeyColumn(table.name, column) if is_made else None

    def holds_uuids(self, place: KeyColumn) -> bool:
        """Whether the keys are UUIDs; else they are integers."""
        return _type_of(self._schema.by_name[place.table], place.column) == "uuid"


async def make_keys(connection: Connection, find_maker: bytes, symbols: Mapping[KeyColumn, list[str]]) -> MadeKeys:
    """Have the database make a key for each symbol, as it would for a row that comes without one."""
    made: dict[KeyColumn, dict[str, RealKey]] = {}
    for place, named in symbols.items():
        ((maker,),) = await (await connection.execute(find_maker, [place.table, place.column])).fetchall()
        query = sql.SQL("SELECT to_json({}) FROM generate_series(1, $1::int)").format(sql.SQL(maker)).as_bytes(None)
        rows = await (await connection.execute(query, [len(named)])).fetchall()
        made[place] = dict(zip(named, (key for (key,) in rows), strict=True))
    return made


def _can_be_made(table: Table, column: str) -> bool:
    kind = _type_of(table, column)
    return kind == "uuid" or kind in _INTEGERS


def _type_of(table: Table, column: str) -> str:
    return next(each.type for each in table.columns if each.name == column)


def _symbol(value: msgspec.Raw, *, uuids: bool) -> str | None:
    """The symbol that a JSON value is; None for a real key or null."""
    if not bytes(value).lstrip().startswith(b'"'):
        return None
    text = msgspec.json.decode(value, type=str)
    if not uuids:
        return None if _INTEGER_FORM.fullmatch(text) else text
    try:
        UUID(text)
    except ValueError:
        return text
    return None
