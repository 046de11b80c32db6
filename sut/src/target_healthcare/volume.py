"""A whole run as a stream of Arrow batches: copied into the tables in one transaction, with its ledger entry.

Indexes and foreign keys stay as they are, so nobody else has to wait: a load holds the locks of an ordinary INSERT. It
runs in a thread on a connection of its own, and whatever ends it ends the transaction.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.errors import UniqueViolation

from target_healthcare.baseline import (
    Column,
    Connection,
    arrow_schema,
    connect,
    read_run,
    read_shapes,
    work_ahead,
    write_csv,
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
    LEDGER_KEY,
    LOCK_SHARED,
    RECORD_SEED,
    SET_EXPIRY,
    WRITER_LOCK,
    SeedAnswer,
)
from target_healthcare.schema import RUN_COLUMN, Schema, Table
from target_healthcare.statements import describe_run

# The plan of a foreign key's check is made once for a connection. Made while the parent table is small it would read
# all of it for each row, and go on so while it grows.
_BY_INDEX: Final = b"SET LOCAL enable_seqscan TO off"
_AS_IT_IS: Final = b"SET LOCAL enable_seqscan TO DEFAULT"

_Rows: TypeAlias = tuple[str, tuple[str, ...], memoryview, int]
"""A batch ready for COPY: table, columns, rows as CSV, and how many they are."""


class Volumes:
    """Runs that are too large for one body."""

    def __init__(self, url: str, schema: Schema) -> None:
        self._url = url
        self._schema = schema
        self._describe = describe_run(schema.run_tables)

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
        """Copy batch after batch; neighbours of one table together. Foreign keys are checked at the end of each."""
        shapes = read_shapes(connection, [table.name for table in self._schema.tables])
        columns = {shape.name: {column.name: column for column in shape.columns} for shape in shapes}
        counts: dict[str, int] = {}
        with closing(work_ahead(self._prepare(run_id, columns, chunks))) as parts:
            for (name, names), group in groupby(parts, itemgetter(0, 1)):
                with connection.cursor().copy(_copy_in(name, names)) as copy:
                    for *_, text, count in group:
                        copy.write(text)
                        counts[name] = counts.get(name, 0) + count
        return counts

    def _prepare(
        self, run_id: str, columns: Mapping[str, Mapping[str, Column]], chunks: Iterable[bytes]
    ) -> Generator[_Rows]:
        for name, batch in read_run(chunks):
            _require_attributed(self._schema.by_name.get(name), name, batch, run_id)
            if unknown := sorted(set(batch.schema.names) - columns[name].keys()):
                raise UnknownColumn(f"'{name}' takes no column '{unknown[0]}'", table=name, column=unknown[0])
            schema = arrow_schema([columns[name][column] for column in batch.schema.names])
            yield name, tuple(schema.names), write_csv(batch, schema, name), batch.num_rows

    def _require_rows(self, connection: Connection, run_id: str, counts: Mapping[str, int]) -> None:
        """Raise `ConstraintViolated` unless the run has what was sent: a COPY may succeed and write less."""
        for name, sent in counts.items():
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} = $1")
            count = query.format(sql.Identifier(name), sql.Identifier(RUN_COLUMN))
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
    if table.run_column is None:
        raise UnknownTable(
            f"'{name}' has no column '{RUN_COLUMN}', and rows that do not say of which run they are cannot come as a "
            "stream; seed them with PUT /internal/runs/{run_id}",
            table=name,
        )
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


def _copy_in(name: str, columns: Iterable[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
