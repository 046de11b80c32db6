"""Deleting the rows of a run, or of all runs: in one round trip where nothing hangs on them, else with what does."""

from itertools import chain

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from target_healthcare.database import Connection
from target_healthcare.errors import RowsReferenced
from target_healthcare.ledger.residue import Key, Residue, ResidueRow, ResidueSearch
from target_healthcare.removals import delete_rows, forget_rows, lock_rows, require_unreferenced
from target_healthcare.schema import Schema


class Removed(msgspec.Struct, frozen=True):
    """What was deleted: rows by table, the keys of those that were of the run, and what hung on them."""

    counts: dict[str, int]
    keys: dict[str, list[Key]]
    residue: list[ResidueRow]


class Removal:
    """The statements for one schema. `run_id` is null where the rows of all runs are meant."""

    def __init__(self, schema: Schema, *, of_all: bool = False) -> None:
        self._tables = schema.run_tables
        self._search = ResidueSearch(schema, of_all=of_all)
        self._others = tuple(table for table in schema.tables if table.foreign_keys)
        self._delete = delete_rows(self._tables, of_all=of_all)
        self._delete_with_residue = delete_rows(self._tables, self._others, of_all=of_all)
        self._forget = forget_rows(of_all=of_all) if any(table.run_column is None for table in self._tables) else None
        self._locks = [lock_rows(table, of_all=of_all) for table in self._tables]
        self._silent = [
            (reference, require_unreferenced(reference.key, reference.child, reference.parent, of_all=of_all))
            for reference in self._search.references
            if reference.key.on_delete is not None and reference.to_run is not None
        ]

    async def send(self, connection: Connection, run_id: str | None) -> AsyncCursor[TupleRow]:
        """Put the delete into a pipeline; its result is for `read`, once the pipeline is done.

        It fails with a foreign key or restrict violation when rows of others refer to those to delete.
        """
        if self._silent:
            for lock in self._locks:
                await connection.execute(lock, [run_id])
        for reference, check in self._silent:
            await connection.execute(check, reference.run_ids(run_id))
        deleted = await connection.execute(self._delete, self._run_ids(run_id))
        await self._forget_rows(connection, run_id)
        return deleted

    async def read(self, cursor: AsyncCursor[TupleRow]) -> Removed:
        """What the delete of a pipeline has done."""
        return self._removed(await cursor.fetchall(), [])

    async def delete_with_residue(self, connection: Connection, run_id: str | None) -> Removed:
        """Delete the rows and those of no run that hang on them, in a transaction, step by step.

        Raises `RowsReferenced` when rows of another run do, and a foreign key violation when a foreign key forbids it
        that no migration declares.
        """
        for lock in self._locks:
            await connection.execute(lock, [run_id])
        residue = await self._search.find(connection, run_id)
        if residue.of_other_runs:
            raise _forbidden(residue, run_id)
        places = chain.from_iterable(map(residue.places, self._others))
        cursor = await connection.execute(self._delete_with_residue, [*self._run_ids(run_id), *places])
        await self._forget_rows(connection, run_id)
        return self._removed(await cursor.fetchall(), residue.told())

    async def _forget_rows(self, connection: Connection, run_id: str | None) -> None:
        if self._forget is not None:
            await connection.execute(self._forget, [run_id])

    def _run_ids(self, run_id: str | None) -> list[str | None]:
        return [run_id] * len(self._tables)

    def _removed(self, rows: list[TupleRow], residue: list[ResidueRow]) -> Removed:
        counts = dict.fromkeys((table.name for table in self._tables), 0)
        keys: dict[str, list[Key]] = {}
        for table, (_, count, told) in zip(self._tables, rows, strict=False):
            counts[table.name] = count
            if told is not None:
                keys[table.name] = msgspec.json.decode(told, type=list[Key])
        for table, (_, count, _) in zip(self._others, rows[len(self._tables) :], strict=False):
            if count:
                counts[table.name] = counts.get(table.name, 0) + count
        return Removed(counts, keys, residue)


def _forbidden(residue: Residue, run_id: str | None) -> RowsReferenced:
    told = residue.told_of_other_runs()
    tables = ", ".join(sorted({f"'{row.table}'" for row in told}))
    return RowsReferenced(
        f"rows of {tables} that are of another run still point at rows of run '{run_id}'; delete that run first",
        table=told[0].table,
        column=None,
        constraint=None,
        sqlstate=None,
        residue=msgspec.to_builtins(told),
    )
