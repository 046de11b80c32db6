"""How the rows of a stream are written: copied, or where they refer in a circle inserted; and told to the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

import pyarrow as pa
from psycopg import sql

from target_healthcare.baseline import Column, Connection, arrow_schema, write_csv
from target_healthcare.schema import Table
from target_healthcare.statements import Insert, hold_keys, insert_together, tell_keys
from target_healthcare.volume_groups import Part
from target_healthcare.volume_values import json_rows, with_array_literals

__all__ = ["Copied", "Together", "Writer", "Written", "to_copy", "to_insert"]


class Copied(NamedTuple):
    """A batch ready for COPY: its rows as CSV, and how many they are; its keys too, where the ledger is to be told."""

    table: Table
    columns: tuple[str, ...]
    text: memoryview
    rows: int
    keys: memoryview | None


class Together(NamedTuple):
    """Batches of tables that refer to one another in a circle: their rows as JSON, and how many they are."""

    inserts: tuple[Insert, ...]
    texts: tuple[str, ...]
    counts: tuple[int, ...]


Written: TypeAlias = Copied | Together


def to_copy(table: Table, batch: pa.RecordBatch, columns: Mapping[str, Column]) -> Copied:
    """The batch for COPY; `columns` are the table's. Raises `InvalidRequest` where values do not fit."""
    schema = arrow_schema([columns[column] for column in batch.schema.names])
    batch = with_array_literals(batch, columns)
    keys = None
    if table.run_column is None:
        of_key = arrow_schema([columns[column] for column in table.primary_key])
        keys = write_csv(batch.select(of_key.names), of_key, table.name)
    return Copied(table, tuple(schema.names), write_csv(batch, schema, table.name), batch.num_rows, keys)


def to_insert(parts: Sequence[Part], columns: Mapping[str, Mapping[str, Column]]) -> Together:
    """The parts for one statement; `columns` are those of all tables."""
    inserts = tuple(Insert(part.table, tuple(part.batch.schema.names), part.has_made_keys) for part in parts)
    texts = tuple(json_rows(part.batch, columns[part.table.name]) for part in parts)
    return Together(inserts, texts, tuple(part.batch.num_rows for part in parts))


class Writer:
    """Writes the rows of one run, in its transaction; `counts` are the rows that were sent, by table."""

    def __init__(self, connection: Connection, run_id: str) -> None:
        self.counts: dict[str, int] = {}
        self._connection = connection
        self._run_id = run_id
        self._holders: dict[str, str] = {}

    def write(self, parts: Iterable[Written]) -> None:
        """Write part after part; neighbours of one table by one COPY, at whose end foreign keys are checked."""
        for place, group in groupby(parts, _place_of):
            if place is not None:
                self._copy(*place, (part for part in group if isinstance(part, Copied)))
                continue
            for part in group:
                if isinstance(part, Together):
                    self._insert(part)

    def _copy(self, table: Table, columns: tuple[str, ...], parts: Iterable[Copied]) -> None:
        keys: list[memoryview] = []
        with self._connection.cursor().copy(_copy_in(table.name, columns)) as copy:
            for part in parts:
                copy.write(part.text)
                self._count(table, part.rows)
                keys += [] if part.keys is None else [part.keys]
        if keys:
            self._tell(table, keys)

    def _insert(self, part: Together) -> None:
        values = (value for pair in zip(part.texts, part.counts, strict=True) for value in pair)
        self._connection.execute(insert_together(part.inserts), [self._run_id, *values])
        for insert, count in zip(part.inserts, part.counts, strict=True):
            self._count(insert.table, count)

    def _tell(self, table: Table, keys: Iterable[memoryview]) -> None:
        """Tell the ledger of the rows with these keys. They go through a table that has the very types of the key."""
        holder = self._holders.get(table.name)
        if holder is None:
            holder = self._holders[table.name] = f"atdm keys {len(self._holders)}"
            self._connection.execute(hold_keys(table, holder))
        with self._connection.cursor().copy(_copy_in(holder, table.primary_key)) as copy:
            for text in keys:
                copy.write(text)
        self._connection.execute(tell_keys(table, holder), [self._run_id])
        self._connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(holder)))

    def _count(self, table: Table, count: int) -> None:
        self.counts[table.name] = self.counts.get(table.name, 0) + count


def _place_of(part: Written) -> tuple[Table, tuple[str, ...]] | None:
    """Where a part is copied to."""
    return (part.table, part.columns) if isinstance(part, Copied) else None


def _copy_in(name: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
