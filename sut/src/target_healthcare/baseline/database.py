"""All tables in one consistent read, and all tables replaced in one transaction.

Both run in a thread on a connection of their own: they take seconds, and the pool is for those that take less.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import psycopg
import pyarrow as pa
from psycopg import Cursor, IsolationLevel, RawCursor, sql
from psycopg.errors import DependentObjectsStillExist, FeatureNotSupported, UniqueViolation
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from target_healthcare.baseline.ahead import work_ahead
from target_healthcare.baseline.frames import Done, Start, TableEnd, TableStart, read_batches, write_batch, write_frame
from target_healthcare.baseline.rows import Column, arrow_schema, read_csv, write_csv
from target_healthcare.errors import ConstraintViolated, RowsReferenced
from target_healthcare.ledger import (
    BURY_ALL,
    ENTER_TAKER,
    FORGET_ALL,
    LOCK_ALONE,
    TAKE_RESTORED,
    WRITER_LOCK,
    taken_before,
)
from target_healthcare.queries import read_queries
from target_healthcare.schema import Schema

_QUERIES: Final = read_queries(Path(__file__).with_name("queries.sql"))
_BATCH_ROWS: Final = 32_768
_BATCH_BYTES: Final = 2 << 20
"""A batch ends with the row that reaches either; only a larger row makes a larger batch."""
_CONNECT_SECONDS: Final = 5

Connection: TypeAlias = psycopg.Connection[TupleRow]


class RestoreAnswer(msgspec.Struct, frozen=True):
    """The rows that each table has now, and how many runs were seeded until then."""

    row_counts: dict[str, int]
    run_count: int


class TableDigest(msgspec.Struct, frozen=True):
    """The content of a table, whatever the order of its rows: how many, and 128 bits (hex) over all of them."""

    rows: int
    digest: str


class DigestAnswer(msgspec.Struct, frozen=True):
    """The digests of all tables at one moment."""

    tables: dict[str, TableDigest]


class TableShape(msgspec.Struct, frozen=True):
    """A table as the catalog has it, its columns those that COPY reads and writes."""

    name: str
    is_partitioned: bool
    columns: tuple[Column, ...]

    def copy_out(self) -> sql.Composed:
        """The statement that writes all rows as CSV."""
        query = "COPY (SELECT {} FROM {}{}) TO STDOUT (FORMAT csv)"
        return sql.SQL(query).format(self._column_list(), self._only(), sql.Identifier(self.name))

    def digest(self) -> sql.Composed:
        """The statement that counts the rows and sums up their hashes under two seeds."""
        query = """
            SELECT count(*), coalesce(sum(hashtextextended(line, 1)), 0), coalesce(sum(hashtextextended(line, 2)), 0)
            FROM (SELECT (whole.*)::text COLLATE "C" AS line FROM {}{} AS whole) AS lines
        """
        return sql.SQL(query).format(self._only(), sql.Identifier(self.name))

    def copy_in(self) -> sql.Composed:
        """The statement that reads rows from CSV.

        FREEZE shows the new rows to snapshots from before the restore as well. Without it those would find the
        tables empty, for TRUNCATE goes for all snapshots.
        """
        query = "COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE {})"
        freeze = sql.SQL("false" if self.is_partitioned else "true")
        return sql.SQL(query).format(sql.Identifier(self.name), self._column_list(), freeze)

    def _only(self) -> sql.SQL:
        return sql.SQL("") if self.is_partitioned else sql.SQL("ONLY ")

    def _column_list(self) -> sql.Composed:
        return _name_list(column.name for column in self.columns)


class Database:
    """The database as a whole: the tables of `schema`, without ledger and migration history."""

    def __init__(self, url: str, schema: Schema) -> None:
        self.schema = schema
        self._url = url
        self._names = [table.name for table in schema.tables]
        # Arrow's own allocators keep what was freed, which for tables is a multiple of what is in use.
        pa.set_memory_pool(pa.system_memory_pool())

    def export(self) -> Generator[bytes]:
        """Yield the frames of one consistent read of all tables; memory holds a few batches.

        Seeds and resets go on meanwhile, a restore waits. Raises `psycopg.Error`.
        """
        with connect(self._url, "export") as connection:
            shapes = read_shapes(connection, self._names)
            with self._reading(connection):
                yield write_frame(Start(self.schema.schema_version, _now(connection), tuple(self._names)))
                counts: dict[str, int] = {}
                for shape in shapes:
                    yield write_frame(TableStart(shape.name))
                    counts[shape.name] = yield from _export_table(connection, shape)
                    yield write_frame(TableEnd(shape.name, counts[shape.name]))
                yield write_frame(Done(counts))

    def digest(self) -> DigestAnswer:
        """Read all tables consistently, in the database itself: no row leaves it. Raises `psycopg.Error`."""
        with connect(self._url, "digest") as connection:
            shapes = read_shapes(connection, self._names)
            with self._reading(connection):
                return DigestAnswer({shape.name: _digest_table(connection, shape) for shape in shapes})

    def restore(self, chunks: Iterable[bytes], by: str | None = None) -> RestoreAnswer:
        """Replace all rows by those of a stream of frames and bury every run, in one transaction.

        Until it commits everybody else waits: seeds for the writer lock, readers for the tables. Raises
        `SchemaDrift`, `InvalidRequest` for a broken stream, `RunDeleted` where `by` has done so before or is given up,
        `RowsReferenced`, `psycopg.Error`; the old rows stay.
        """
        batches = read_batches(chunks, self.schema)
        with connect(self._url, "restore") as connection:
            shapes = {shape.name: shape for shape in read_shapes(connection, self._names)}
            with connection.transaction():
                run_count = _bury_all(connection, by)
                self._lock(connection, sql.SQL("ACCESS EXCLUSIVE"))
                put_back = self._make_way(connection)
                counts = dict.fromkeys(self._names, 0) | _load(connection, shapes, batches)
                for statement in reversed(put_back):
                    connection.execute(statement)
                for restart in _texts(connection.execute(_QUERIES["list_restarts"], [self._names])):
                    connection.execute(_texts(connection.execute(restart))[0])
                _require_rows(connection, counts)
                self._give_back(connection, by)
        return RestoreAnswer(counts, run_count)

    def _give_back(self, connection: Connection, by: str | None) -> None:
        """Of the runs that were taken back, leave out those of which there are rows again."""
        has_rows = [
            sql.SQL("EXISTS (SELECT FROM {} AS held WHERE held.{} = atdm_run.run_id)").format(
                sql.Identifier(table.name), sql.Identifier(table.run_column)
            )
            for table in self.schema.run_tables
            if table.run_column is not None
        ]
        if by is not None and has_rows:
            query = """
                UPDATE atdm_run SET taken_back_by = NULL, restored = true
                WHERE taken_back_by = $1 AND run_id <> $1 AND ({})
            """
            connection.execute(sql.SQL(query).format(sql.SQL(" OR ").join(has_rows)), [by])

    @contextmanager
    def _reading(self, connection: Connection) -> Generator[None]:
        """One consistent read: everything in it sees the same rows."""
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            # Locked before the snapshot is taken, so that nobody truncates what it is about to show.
            self._lock(connection, sql.SQL("ACCESS SHARE"))
            yield

    def _lock(self, connection: Connection, mode: sql.SQL) -> None:
        if self._names:
            connection.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(_name_list(self._names), mode))

    def _make_way(self, connection: Connection) -> list[bytes]:
        """Empty the tables and set aside what would slow the load; returns what puts it back, in reverse."""
        if not self._names:
            return []
        hindrances = connection.execute(_QUERIES["list_hindrances"], [self._names]).fetchall()
        try:
            for set_aside, _ in hindrances:
                connection.execute(set_aside.encode())
            connection.execute(sql.SQL("TRUNCATE {}").format(_name_list(self._names)))
        except (DependentObjectsStillExist, FeatureNotSupported) as error:
            reason = error.diag.message_detail or error.diag.message_primary
            raise RowsReferenced(f"tables that no migration declares refer to those to restore: {reason}") from error
        return [statement.encode() for _, statement in hindrances]


def connect(url: str, purpose: str) -> Connection:
    """Open a connection on which values are read and written in one form; `purpose` is what the database is told."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        application_name=f"target-healthcare {purpose}",
        cursor_factory=RawCursor,
    )
    connection.execute(_QUERIES["settle"])
    return connection


def read_shapes(connection: Connection, names: Sequence[str]) -> list[TableShape]:
    """What the catalog says of these tables."""
    rows = connection.execute(_QUERIES["list_columns"], [names]).fetchall()
    return [
        TableShape(name, is_partitioned, tuple(Column(column, kind) for *_, column, kind in columns))
        for (name, is_partitioned), columns in groupby(rows, itemgetter(0, 1))
    ]


def _bury_all(connection: Connection, by: str | None) -> int:
    """Keep others out until the transaction ends, and put up the tombstone of every run; how many were seeded."""
    connection.execute(LOCK_ALONE, [WRITER_LOCK])
    if by is not None:
        try:
            connection.execute(ENTER_TAKER, [by])
        except UniqueViolation as error:
            raise taken_before(error, by) from error
    connection.execute(TAKE_RESTORED, [by])
    buried = connection.execute(BURY_ALL, [by])
    connection.execute(FORGET_ALL)
    return buried.rowcount


def _digest_table(connection: Connection, shape: TableShape) -> TableDigest:
    """Two sums of 64-bit hashes, of every row as text; a sum does not depend on the order."""
    ((rows, *sums),) = connection.execute(shape.digest()).fetchall()
    return TableDigest(rows, "".join(f"{int(total) % (1 << 64):016x}" for total in sums))


def _export_table(connection: Connection, shape: TableShape) -> Generator[bytes, None, int]:
    """Yield the frames of a table's batches and return its rows; even an empty table has a batch, for its columns."""
    schema = arrow_schema(shape.columns)
    count = 0
    with closing(work_ahead(_read_rows(connection, shape))) as parts:
        for text in parts:
            batch = read_csv(text, schema)
            count += batch.num_rows
            yield write_batch(shape.name, batch)
    return count


def _read_rows(connection: Connection, shape: TableShape) -> Generator[bytearray]:
    """Yield the rows of a table as CSV, a batch at a time, at least one.

    libpq is asked row by row, without psycopg's Copy in between, which takes half as long again. Whoever stops
    before the end closes the connection: nothing else can be done on it.
    """
    pgconn = connection.pgconn
    _require_status(connection, pgconn.exec_(shape.copy_out().as_bytes(connection)), ExecStatus.COPY_OUT)
    text, count, is_first, is_done = bytearray(), 0, True, False
    try:
        size, row = pgconn.get_copy_data(0)
        while size > 0:
            text += row
            count += 1
            if count == _BATCH_ROWS or len(text) >= _BATCH_BYTES:
                yield text
                text, count, is_first = bytearray(), 0, False
            size, row = pgconn.get_copy_data(0)
        while result := pgconn.get_result():
            _require_status(connection, result, ExecStatus.COMMAND_OK)
        is_done = True
    finally:
        if not is_done:
            connection.close()
    if text or is_first:
        yield text


def _require_status(connection: Connection, result: PGresult, status: ExecStatus) -> None:
    if result.status != status:
        raise psycopg.errors.error_from_result(result, connection.info.encoding)


def _load(
    connection: Connection, shapes: Mapping[str, TableShape], batches: Generator[tuple[str, pa.RecordBatch]]
) -> dict[str, int]:
    """Copy the batches into their tables; returns the rows of each table that has any."""
    counts: dict[str, int] = {}
    with closing(work_ahead(_write_rows(shapes, batches))) as parts:
        for name, group in groupby(parts, itemgetter(0)):
            counts[name] = 0
            with connection.cursor().copy(shapes[name].copy_in()) as copy:
                for _, text, count in group:
                    copy.write(text)
                    counts[name] += count
    return counts


def _write_rows(
    shapes: Mapping[str, TableShape], batches: Generator[tuple[str, pa.RecordBatch]]
) -> Generator[tuple[str, memoryview, int]]:
    schemas = {name: arrow_schema(shape.columns) for name, shape in shapes.items()}
    for name, batch in batches:
        yield name, write_csv(batch, schemas[name], name), batch.num_rows


def _require_rows(connection: Connection, counts: Mapping[str, int]) -> None:
    """Raise `ConstraintViolated` unless the tables hold what was sent: a COPY may succeed and write less."""
    for name, sent in counts.items():
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
        ((written,),) = connection.execute(count).fetchall()
        if written != sent:
            raise ConstraintViolated(f"'{name}' took {written} of {sent} rows; nothing was restored", table=name)


def _now(connection: Connection) -> datetime:
    """When the transaction's snapshot was taken, by the database's clock."""
    ((moment,),) = connection.execute("SELECT statement_timestamp()").fetchall()
    return moment


def _texts(cursor: Cursor[TupleRow]) -> list[bytes]:
    """The first column of a result."""
    return [str(text).encode() for (text,) in cursor]


def _name_list(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
