"""Seeding, deleting and reading runs. Each is one transaction, and where nothing is in the way one round trip.

Autocommit is on, so the statements of a pipeline stand in one implicit transaction: they are sent together,
and the first that fails undoes them all. Nothing is fetched inside: that would end the transaction early.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from psycopg import AsyncCursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from target_healthcare.database import Connection, Pool
from target_healthcare.errors import NotExpired, RunConflict, RunDeleted, RunNotFound
from target_healthcare.ledger.bundle import SeedRequest, TableRows, read_rows
from target_healthcare.ledger.removal import Removal
from target_healthcare.ledger.residue import Key, ResidueRow
from target_healthcare.ledger.symbols import MadeKeys, RealKey, Symbols, make_keys
from target_healthcare.queries import read_queries
from target_healthcare.schema import Schema, has_circle
from target_healthcare.sqlstates import REFERENCED, still_referenced
from target_healthcare.statements import Insert, describe_run, insert_rows, insert_together

WRITER_LOCK: Final = 0x61746D_64617461
"""The advisory lock that seeds and deletes share; held exclusively, it keeps them all out."""

RunState: TypeAlias = Literal["seeded", "deleted"]

_QUERIES: Final = read_queries(Path(__file__).with_name("queries.sql"))
LOCK_ALONE: Final = _QUERIES["lock_alone"]
"""Take `WRITER_LOCK` exclusively until the transaction ends. Parameter: the lock."""
ENTER_TAKER: Final = _QUERIES["enter_taker"]
"""Enter whoever takes all runs back. Parameter: its id."""
BURY_ALL: Final = _QUERIES["bury_all"]
"""Put up the tombstone of every seeded run. Parameter: the id of who takes them back, or null."""
TAKE_RESTORED: Final = _QUERIES["take_restored"]
"""Take back the runs that a restored baseline has rows of. Parameter: as of `BURY_ALL`."""
FORGET_ALL: Final = _QUERIES["forget_all"]
"""Strike all rows off the ledger's table of rows."""
LOCK_SHARED: Final = _QUERIES["lock_shared"]
"""Share `WRITER_LOCK` until the transaction ends. Parameter: the lock."""
RECORD_SEED: Final = _QUERIES["record_seed"]
"""Enter a run. Parameters: its id, the digest of its bundle, its time in seconds or null, made keys (JSON) or null."""
SET_EXPIRY: Final = _QUERIES["extend"]
"""Let a run live from now; when that is over. Parameters: its id, seconds."""
FIND_KEY_MAKER: Final = _QUERIES["find_key_maker"]
"""The expression that makes a key. Parameters: table, column."""
CHECK_DEFERRED: Final = _QUERIES["check_deferred"]
"""Check deferred constraints now."""
LEDGER_KEY: Final = "atdm_run_key"
"""The constraint that a run id in use violates."""


class SeedAnswer(msgspec.Struct, frozen=True):
    """What a seed wrote. `keys` maps the bundle's symbolic keys to the real ones."""

    run_id: str
    state: RunState
    row_counts: dict[str, int]
    keys: dict[str, RealKey]
    expires_at: datetime | None


class DeleteAnswer(msgspec.Struct, frozen=True):
    """What a delete removed; an unknown run has no previous state.

    `deleted_counts` has every table that takes rows of runs, and others that lost a row. `deleted_keys` names the
    rows that carried the run's id, `residue` those of no run that referred to them; at most `KEYS_TOLD` of a table.
    """

    run_id: str
    previous_state: RunState | None
    deleted_counts: dict[str, int]
    deleted_keys: dict[str, list[Key]]
    residue: list[ResidueRow]


class DeleteAllAnswer(msgspec.Struct, frozen=True):
    """What was removed, see `DeleteAnswer`, and how many runs were seeded until then."""

    deleted_counts: dict[str, int]
    run_count: int
    deleted_keys: dict[str, list[Key]]
    residue: list[ResidueRow]


class ExtendAnswer(msgspec.Struct, frozen=True):
    """When the time of a run is up now."""

    run_id: str
    expires_at: datetime


class RunSummary(msgspec.Struct, frozen=True):
    """One line of the ledger; times are UTC."""

    run_id: str
    state: RunState
    created_at: datetime
    expires_at: datetime | None


class RunDescription(msgspec.Struct, frozen=True):
    """A ledger entry with its rows counted now; a run deleted before any seed has no `bundle_sha`.

    `taken_back_by` is who took it back together with all others. Who did that has an entry too, and names itself.
    """

    run_id: str
    state: RunState
    bundle_sha: str | None
    created_at: datetime
    expires_at: datetime | None
    taken_back_by: str | None
    row_counts: dict[str, int]


class RunList(msgspec.Struct, frozen=True):
    """Ledger entries by run id."""

    runs: list[RunSummary]


class Ledger:
    """The runs of one database."""

    def __init__(self, pool: Pool, schema: Schema) -> None:
        self.pool = pool
        self.schema = schema
        self._of_run = Removal(schema)
        self._of_all = Removal(schema, of_all=True)
        self._describe = describe_run(schema.run_tables)
        self._symbols = Symbols(schema)
        self._has_circle = has_circle(schema.run_tables)

    async def seed(self, run_id: str, request: SeedRequest) -> tuple[SeedAnswer, bool]:
        """Write a bundle with its ledger entry, or nothing; tell whether this call wrote it.

        Raises the refusals of `read_rows`, `RunConflict`, `RunDeleted`, and `psycopg.Error` from the rows.
        """
        bundle = read_rows(self.schema, run_id, request.tables)
        counts = dict.fromkeys(request.tables, 0) | {part.table: part.count for part in bundle}
        made = await self._make_keys(bundle)
        inserts = list(self._inserts(run_id, bundle, made))  # before the transaction, for it may refuse
        keys = {symbol: key for of_table in made.values() for symbol, key in of_table.items()}
        try:
            async with self.write() as connection:
                told = msgspec.json.encode(keys).decode() if keys else None
                entry = [run_id, request.bundle_sha, request.ttl_seconds, told]
                recorded = await connection.execute(_QUERIES["record_seed"], entry)
                for statement, parameters in inserts:
                    await connection.execute(statement, parameters)
        except UniqueViolation as error:
            if error.diag.constraint_name != LEDGER_KEY:
                raise
            expires_at, keys = await self._find_same_seed(run_id, request.bundle_sha)
            return SeedAnswer(run_id, "seeded", counts, keys, expires_at), False
        ((expires_at,),) = await recorded.fetchall()
        return SeedAnswer(run_id, "seeded", counts, keys, expires_at), True

    async def delete(self, run_id: str) -> DeleteAnswer:
        """Bury the run and delete its rows, and rows of no run that refer to them; repeating it is harmless.

        Raises `RowsReferenced` (and changes nothing) when rows of another run refer to its rows.
        """
        try:
            async with self.write() as connection:
                was_unknown = await connection.execute(_QUERIES["bury_unknown"], [run_id])
                was_seeded = await connection.execute(_QUERIES["bury_seeded"], [run_id])
                deleted = await self._of_run.send(connection, run_id)
            removed = await self._of_run.read(deleted)
        except REFERENCED:
            async with self._converse(run_id) as connection:
                was_unknown = await connection.execute(_QUERIES["bury_unknown"], [run_id])
                was_seeded = await connection.execute(_QUERIES["bury_seeded"], [run_id])
                removed = await self._of_run.delete_with_residue(connection, run_id)
        previous: RunState | None = None if was_unknown.rowcount else "seeded" if was_seeded.rowcount else "deleted"
        return DeleteAnswer(run_id, previous, removed.counts, removed.keys, removed.residue)

    async def expire(self, run_id: str) -> DeleteAnswer:
        """Delete the run if its time is up; one that had a time and is deleted already is only told of.

        Raises `NotExpired` when it is not due, or somebody else is at it, and `RowsReferenced`.
        """
        async with self._converse(run_id) as connection:
            due = await connection.execute(_QUERIES["lock_expired"], [run_id])
            if await due.fetchone() is not None:
                await connection.execute(_QUERIES["bury_seeded"], [run_id])
                removed = await self._of_run.delete_with_residue(connection, run_id)
                return DeleteAnswer(run_id, "seeded", removed.counts, removed.keys, removed.residue)
            found = await (await connection.execute(_QUERIES["find_seed"], [run_id])).fetchone()
        _, state, expires_at, _ = found or (None, None, None, None)
        if state != "deleted" or expires_at is None:
            raise NotExpired(
                f"the time of run '{run_id}' is not up, or somebody else is deleting it now; look again later",
                expires_at=expires_at,
            )
        return DeleteAnswer(run_id, "deleted", {table.name: 0 for table in self.schema.run_tables}, {}, [])

    async def extend(self, run_id: str, ttl_seconds: int) -> ExtendAnswer:
        """Let the run live that long from now; raises `RunNotFound` or `RunDeleted`."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["extend"], [run_id, ttl_seconds])
            row = await cursor.fetchone()
        if row is None:
            raise _unknown(run_id)
        (expires_at,) = row
        if expires_at is None:
            raise RunDeleted(f"run '{run_id}' was deleted and cannot be extended; use a new run id")
        return ExtendAnswer(run_id, expires_at)

    async def delete_all(self, by: str | None = None) -> DeleteAllAnswer:
        """Bury every run and delete all their rows, and rows of no run that refer to them; other rows stay.

        Raises `RunDeleted` where `by` has done so before or is given up, and `RowsReferenced` (and changes nothing)
        when a table that no migration declares refers to them.
        """
        try:
            try:
                async with self.write(alone=True) as connection:
                    buried = await self._bury_all(connection, by)
                    deleted = await self._of_all.send(connection, None)
                removed = await self._of_all.read(deleted)
            except REFERENCED:
                async with self._converse(None) as connection:
                    buried = await self._bury_all(connection, by)
                    removed = await self._of_all.delete_with_residue(connection, None)
        except UniqueViolation as error:
            raise taken_before(error, by) from error
        return DeleteAllAnswer(removed.counts, buried.rowcount, removed.keys, removed.residue)

    async def describe(self, run_id: str) -> RunDescription:
        """Read a run's entry and count its rows; raises `RunNotFound`."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(self._describe, [run_id])
            row = await cursor.fetchone()
        if row is None:
            raise _unknown(run_id)
        names = (table.name for table in self.schema.run_tables)
        return RunDescription(*row[:6], row_counts=dict(zip(names, row[6:], strict=True)))

    async def list_runs(self, state: RunState | None, after: str | None, limit: int) -> RunList:
        """Read at most `limit` entries by run id, those greater than `after`."""
        return await self._list("list_runs", [state, after, limit])

    async def list_taken_back(self, by: str, after: str | None, limit: int) -> RunList:
        """Read as `list_runs` does the runs that were taken back by somebody, without its own entry."""
        return await self._list("list_taken_back", [by, after, limit])

    async def list_expired(self, limit: int) -> RunList:
        """Read at most `limit` entries of runs that are seeded and whose time is up, the longest overdue first."""
        return await self._list("list_expired", [limit])

    @asynccontextmanager
    async def write(self, *, alone: bool = False) -> AsyncGenerator[Connection]:
        """Collect statements into one transaction that is sent as one round trip when the block ends.

        It shares `WRITER_LOCK` with others, or holds it alone. Read results after the block, not inside: that would
        end the transaction.
        """
        async with self.pool.connection() as connection, connection.pipeline():
            await connection.execute(LOCK_ALONE if alone else _QUERIES["lock_shared"], [WRITER_LOCK])
            yield connection
            await connection.execute(_QUERIES["check_deferred"])

    @asynccontextmanager
    async def _converse(self, run_id: str | None) -> AsyncGenerator[Connection]:
        """A transaction whose statements are answered one by one. Without a run id it holds `WRITER_LOCK` alone.

        Raises `RowsReferenced` where a foreign key forbids what was done.
        """
        try:
            async with self.pool.connection() as connection, connection.transaction():
                await connection.execute(LOCK_ALONE if run_id is None else _QUERIES["lock_shared"], [WRITER_LOCK])
                yield connection
                await connection.execute(_QUERIES["check_deferred"])
        except REFERENCED as error:
            raise still_referenced(error, run_id) from error

    async def _list(self, query: str, parameters: list[str | int | None]) -> RunList:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_QUERIES[query], parameters)
            return RunList([RunSummary(*row) for row in await cursor.fetchall()])

    @staticmethod
    async def _bury_all(connection: Connection, by: str | None) -> AsyncCursor[TupleRow]:
        if by is not None:
            await connection.execute(ENTER_TAKER, [by])
        await connection.execute(TAKE_RESTORED, [by])
        return await connection.execute(BURY_ALL, [by])

    async def _make_keys(self, bundle: list[TableRows]) -> MadeKeys:
        """Make the keys of a bundle's symbols, outside its transaction: a sequence takes nothing back anyway."""
        symbols = self._symbols.find(bundle) if self._symbols else {}
        if not symbols:
            return {}
        async with self.pool.connection() as connection:
            return await make_keys(connection, FIND_KEY_MAKER, symbols)

    def _inserts(self, run_id: str, bundle: list[TableRows], made: MadeKeys) -> Iterator[tuple[bytes, list[str | int]]]:
        """The statements that write a bundle: one for each table, but one for all where tables refer in a circle."""
        if self._symbols:
            bundle = self._symbols.resolve(bundle, made)
        tables = {part.table: self.schema.by_name[part.table] for part in bundle}
        with_made_keys = {place.table for place in made}
        is_circle = self._has_circle and has_circle(tables.values())
        for group in [bundle] if is_circle else ([part] for part in bundle):
            (first, *_) = group
            if not is_circle and tables[first.table].run_column is not None and first.table not in with_made_keys:
                yield insert_rows(first.table, first.columns), [first.rows, first.count]
                continue
            inserts = tuple(Insert(tables[p.table], p.columns, p.table in with_made_keys) for p in group)
            values = (value for part in group for value in (part.rows, part.count))
            yield insert_together(inserts), [run_id, *values]

    async def _find_same_seed(self, run_id: str, bundle_sha: str) -> tuple[datetime | None, dict[str, RealKey]]:
        """The run id is taken: find out by whom, and return when that seed expires and the keys it made.

        The other seed has committed, or the key would still be free.
        """
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["find_seed"], [run_id])
            ((known_sha, state, expires_at, keys),) = await cursor.fetchall()
        if state == "deleted":
            raise RunDeleted(f"run '{run_id}' was deleted and cannot be seeded again; use a new run id")
        if known_sha != bundle_sha:
            raise RunConflict(f"run '{run_id}' was seeded with another bundle; use a new run id")
        return expires_at, keys or {}


def taken_before(error: UniqueViolation, by: str | None) -> RunDeleted | UniqueViolation:
    """The refusal where the id of who takes all runs back is taken; the error itself where something else is."""
    if error.diag.constraint_name != LEDGER_KEY:
        return error
    return RunDeleted(f"'{by}' has done this before, or was given up; use a new id")


def _unknown(run_id: str) -> RunNotFound:
    return RunNotFound(f"the ledger has no run '{run_id}'; GET /internal/runs lists those it has")
