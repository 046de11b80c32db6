"""A whole run as a stream of Arrow batches: copied into the tables in one transaction, with its ledger entry.

Indexes and foreign keys stay as they are, so nobody else has to wait: a load holds the locks of an ordinary INSERT. It
runs in a thread on a connection of its own, and whatever ends it ends the transaction. Keys are made on another one, as
what sequences give they do not take back anyway.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.errors import UniqueViolation

from target_healthcare.baseline import (
    Column,
    Connection,
    connect,
    read_run,
    read_shapes,
    work_ahead,
)
from target_healthcare.errors import (
    ConstraintViolated,
    InvalidValue,
    RunConflict,
    RunDeleted,
    UnknownColumn,
    UnknownTable,
)
from target_healthcare.ledger import (
    CHECK_DEFERRED,
    FIND_KEY_MAKER,
    LEDGER_KEY,
    LOCK_SHARED,
    RECORD_SEED,
    SET_EXPIRY,
    WRITER_LOCK,
    KeyColumn,
    SeedAnswer,
    Symbols,
)
from target_healthcare.schema import RUN_COLUMN, Schema, Table, has_circle
from target_healthcare.statements import count_rows, describe_run
from target_healthcare.volume_groups import KeyResolver, read_groups
from target_healthcare.volume_writing import Writer, Written, to_copy, to_insert

# The plan of a foreign key's check is made once for a connection. Made while the parent table is small it would read
# all of it for each row, and go on so while it grows.
_BY_INDEX: Final = b"SET LOCAL enable_seqscan TO off"
_AS_IT_IS: Final = b"SET LOCAL enable_seqscan TO DEFAULT"

_Columns: TypeAlias = Mapping[str, Mapping[str, Column]]
"""The columns of each table, by name."""


class Volumes:
    """Runs that are too large for one body."""

    def __init__(self, url: str, schema: Schema) -> None:
        self._url = url
        self._schema = schema
        self._describe = describe_run(schema.run_tables)
        self._symbols = Symbols(schema)
        self._has_groups = bool(self._symbols) or any(table.run_column is None for table in schema.run_tables)

    def load(
        self, run_id: str, bundle_sha: str, ttl_seconds: int | None, chunks: Iterable[bytes]
    ) -> tuple[SeedAnswer, bool]:
        """Write a run's rows with its ledger entry, or nothing; tell whether this call wrote it.

        Raises `InvalidRequest` for a broken stream, `UnknownTable`, `UnknownColumn`, `InvalidValue`,
        `ConstraintViolated`, `RunConflict`, `RunDeleted` and `psycopg.Error`.
        """
        with connect(self._url, "volume") as connection:
            try:
                with connection.transaction():
                    counts, expires_at = self._write(connection, run_id, bundle_sha, ttl_seconds, chunks)
            except UniqueViolation as error:
                if error.diag.constraint_name != LEDGER_KEY:
                    raise
                return self._find_same(connection, run_id, bundle_sha), False
        return SeedAnswer(run_id, "seeded", counts, {}, expires_at), True

    def _write(
        self,
        connection: Connection,
        run_id: str,
        bundle_sha: str,
        ttl_seconds: int | None,
        chunks: Iterable[bytes],
    ) -> tuple[dict[str, int], datetime | None]:
        connection.execute(LOCK_SHARED, [WRITER_LOCK])
        connection.execute(RECORD_SEED, [run_id, bundle_sha, None, None])
        connection.execute(_BY_INDEX)
        counts = self._copy(connection, run_id, chunks)
        connection.execute(CHECK_DEFERRED)
        connection.execute(_AS_IT_IS)
        self._require_rows(connection, run_id, counts)
        if ttl_seconds is None:
            return counts, None
        # From now: the load may have taken longer than the run is to live.
        ((expires_at,),) = connection.execute(SET_EXPIRY, [run_id, ttl_seconds]).fetchall()
        return counts, expires_at

    def _copy(self, connection: Connection, run_id: str, chunks: Iterable[bytes]) -> dict[str, int]:
        """Write what comes, batch by batch or group by group, while the next is made ready."""
        shapes = read_shapes(connection, [table.name for table in self._schema.tables])
        columns = {shape.name: {column.name: column for column in shape.columns} for shape in shapes}
        writer = Writer(connection, run_id)
        prepare = self._prepare_groups if self._has_groups else self._prepare
        with closing(work_ahead(prepare(run_id, columns, chunks))) as parts:
            writer.write(parts)
        return writer.counts

    def _prepare(self, run_id: str, columns: _Columns, chunks: Iterable[bytes]) -> Generator[Written]:
        for _, name, batch in self._read(run_id, columns, chunks):
            yield to_copy(self._schema.by_name[name], batch, columns[name])

    def _prepare_groups(self, run_id: str, columns: _Columns, chunks: Iterable[bytes]) -> Generator[Written]:
        with connect(self._url, "volume keys") as connection:
            resolver = KeyResolver(self._symbols, partial(_make_keys, connection))
            for group in read_groups(self._read(run_id, columns, chunks), self._schema):
                parts = resolver.resolve(group)
                if has_circle({part.table.name: part.table for part in parts}.values()):
                    yield to_insert(parts, columns)
                else:
                    yield from (to_copy(part.table, part.batch, columns[part.table.name]) for part in parts)

    def _read(
        self, run_id: str, columns: _Columns, chunks: Iterable[bytes]
    ) -> Generator[tuple[int, str, pa.RecordBatch]]:
        """The batches, each found to be of the run and to have columns that the table has."""
        for group, name, batch in read_run(chunks):
            _require_attributed(self._schema.by_name.get(name), name, batch, run_id)
            if unknown := sorted(set(batch.schema.names) - columns[name].keys()):
                raise UnknownColumn(f"'{name}' takes no column '{unknown[0]}'", table=name, column=unknown[0])
            yield group, name, batch

    def _require_rows(self, connection: Connection, run_id: str, counts: Mapping[str, int]) -> None:
        """Raise `ConstraintViolated` unless the run has what was sent: a COPY may succeed and write less."""
        for name, sent in counts.items():
            count = count_rows(self._schema.by_name[name])
            ((written,),) = connection.execute(count, [run_id]).fetchall()
            if written != sent:
                raise ConstraintViolated(f"'{name}' took {written} of {sent} rows; nothing was written", table=name)

    def _find_same(self, connection: Connection, run_id: str, bundle_sha: str) -> SeedAnswer:
        """The run id is taken: find out by whom; the other has committed, or the key would still be free."""
        ((_, state, known_sha, _, expires_at, _, *counts),) = connection.execute(self._describe, [run_id]).fetchall()
        if state == "deleted":
            raise RunDeleted(f"run '{run_id}' was deleted and cannot be seeded again; use a new run id")
        if known_sha != bundle_sha:
            raise RunConflict(f"run '{run_id}' was seeded with another bundle; use a new run id")
        names = (table.name for table in self._schema.run_tables)
        held = {name: count for name, count in zip(names, counts, strict=True) if count}
        return SeedAnswer(run_id, "seeded", held, {}, expires_at)


def _require_attributed(table: Table | None, name: str, batch: pa.RecordBatch, run_id: str) -> None:
    """Raise `UnknownTable` or `InvalidValue` unless every row says of which run it is."""
    if table is None:
        raise UnknownTable(f"there is no table '{name}'; GET /internal/schema lists those there are", table=name)
    if not table.takes_runs:
        raise UnknownTable(
            f"no table '{name}' takes rows of runs: it has neither a column '{RUN_COLUMN}' nor a primary key, so that "
            "nobody could tell whose they are",
            table=name,
        )
    if table.run_column is None:
        return
    if RUN_COLUMN not in batch.schema.names or not _is_all(batch.column(RUN_COLUMN), run_id):
        raise InvalidValue(
            f"a batch of '{name}' does not carry the run's id; set '{RUN_COLUMN}' of every row to '{run_id}'",
            table=name,
            column=RUN_COLUMN,
        )


def _is_all(column: pa.Array, text: str) -> bool:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not pa.types.is_string(column.type):
        return False
    return column.null_count == 0 and (len(column) == 0 or pc.all(pc.equal(column, text)).as_py())


def _make_keys(connection: Connection, place: KeyColumn, count: int) -> pa.Array:
    ((maker,),) = connection.execute(FIND_KEY_MAKER, [place.table, place.column]).fetchall()
    query = sql.SQL("SELECT ({})::text FROM generate_series(1, $1::int)").format(sql.SQL(maker))
    return pa.array((key for (key,) in connection.execute(query, [count])), pa.string())
