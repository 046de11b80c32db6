"""A target that really does it, in memory: rows, a ledger with tombstones and times, foreign keys, a clock to turn."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, Literal, TypeAlias

import msgspec
import pyarrow as pa

from atdm_core.entity import Entity
from atdm_core.errors import BaselineSchemaDrift, ResetFailed, RestoreFailed, RunGone, SeedFailed, TargetError
from atdm_core.protocols import Export, Load
from atdm_core.values import KEYS_TOLD, Bundle, Deletion, LedgerEntry, Records, Residue, SeedReceipt, TableDigest

__all__ = ["MemoryTarget", "one_by_one"]


Places: TypeAlias = dict[tuple[str, Any], None]
"""Rows by table and key, in the order they were found: what a simulation sees must not depend on hashes."""


class _Run(msgspec.Struct, frozen=True):
    state: Literal["seeded", "deleted"]
    digest: str = ""
    keys: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    expires_at: datetime | None = None
    taken_back_by: str | None = None
    restored: bool = False


class MemoryTarget:
    """A target whose tables are dictionaries. It keeps the whole contract, the tombstones included.

    `shared` holds the keys of reference rows that exist without a run, by entity; references to anything else that is
    not there are refused, and so is a primary key that exists. For the entities in `numbered` it makes integer keys
    itself. `now` is its clock. Whoever puts a row without a run into `tables` acts as the system under test.
    """

    def __init__(
        self,
        shared: Mapping[str, Sequence[str]] | None = None,
        *,
        numbered: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {}
        self.schema_version = "1"
        self._shared = {name: set(keys) for name, keys in (shared or {}).items()}
        self.numbered = set(numbered)
        self._numbers = count(1)
        self._owners: dict[tuple[str, Any], str] = {}
        self._now = now
        self._ledger: dict[str, _Run] = {}
        self._entities: dict[str, Entity] = {}

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        records = bundle.records()
        digest = sha256(msgspec.json.encode(records)).hexdigest()
        run = self._seeded_before(bundle.run_id, digest)
        if run is None:
            entities = {name: tables[0].entity for name, tables in bundle.tables.items()}
            self._check(bundle.run_id, entities, records)
            keys = self._make_keys(entities, records)
            run = self._write(bundle.run_id, entities, records, _Run("seeded", digest, keys, self._until(ttl_seconds)))
        counts = {name: len(rows) for name, rows in records.items()}
        return SeedReceipt(row_counts=counts, keys=run.keys, expires_at=run.expires_at)

    async def load(self, load: Load, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.load`."""
        records: Records = {}
        async for group in load.groups:
            for name, batch in group:
                records.setdefault(name, []).extend(batch.to_pylist())
        run = self._seeded_before(load.run_id, load.sha256)
        if run is None:
            self._check(load.run_id, load.entities, records)
            keys = self._make_keys(load.entities, records)
            entry = _Run("seeded", load.sha256, keys, self._until(ttl_seconds))
            run = self._write(load.run_id, load.entities, records, entry)
        counts = {name: len(rows) for name, rows in records.items()}
        return SeedReceipt(row_counts=counts, expires_at=run.expires_at)

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        deletion = self._remove(run_id)
        run = self._ledger.get(run_id)
        self._ledger[run_id] = msgspec.structs.replace(run or _Run("deleted"), state="deleted")
        return msgspec.structs.replace(deletion, previous_state=run and run.state)

    async def extend(self, run_id: str, ttl_seconds: int) -> datetime:
        """See `Target.extend`."""
        run = self._ledger.get(run_id)
        if run is None or run.state == "deleted":
            raise RunGone(f"run {run_id} has been taken back, or was never seeded", run_id=run_id)
        expires_at = self._in(ttl_seconds)
        self._ledger[run_id] = msgspec.structs.replace(run, expires_at=expires_at)
        return expires_at

    async def expired(self, limit: int) -> Sequence[str]:
        """See `Target.expired`."""
        due = [(run.expires_at, run_id) for run_id, run in self._ledger.items() if run.expires_at and self._is_due(run)]
        return [run_id for _, run_id in sorted(due)][:limit]

    async def expire(self, run_id: str) -> Deletion | None:
        """See `Target.expire`."""
        run = self._ledger.get(run_id)
        if run is None or run.expires_at is None:
            return None
        if run.state == "deleted":
            return Deletion(deleted_counts=dict.fromkeys(self.tables, 0), previous_state="deleted")
        return await self.delete(run_id) if self._is_due(run) else None

    async def seeded(self, after: str, limit: int) -> Sequence[str]:
        """See `Target.seeded`."""
        found = (run_id for run_id, run in self._ledger.items() if run.state == "seeded" and run_id > after)
        return sorted(found)[:limit]

    async def describe(self, run_id: str) -> LedgerEntry | None:
        """See `Target.describe`."""
        run = self._ledger.get(run_id)
        if run is None:
            return None
        counts = {name: sum(self._is_of(name, key, run_id) for key in rows) for name, rows in self.tables.items()}
        return LedgerEntry(
            state=run.state, row_counts=counts, expires_at=run.expires_at, taken_back_by=run.taken_back_by
        )

    async def check(self) -> None:
        """See `Target.check`."""

    async def delete_all(self, by: str) -> Deletion:
        """See `Database.delete_all`."""
        self._require_new(by, ResetFailed)
        deletion = self._remove(None)
        self._bury_all(by)
        return deletion

    async def taken_back(self, by: str, after: str, limit: int) -> Sequence[str]:
        """See `Database.taken_back`."""
        taken = (run_id for run_id, run in self._ledger.items() if run.taken_back_by == by)
        return sorted(run_id for run_id in taken if after < run_id != by)[:limit]

    async def digest(self) -> Mapping[str, TableDigest]:
        """See `Database.digest`; tables without rows are left out, for it knows of no others than it has seen."""
        return {
            name: TableDigest(rows=len(rows), digest=sha256(b"".join(lines)).hexdigest())
            for name, rows in self.tables.items()
            if (lines := sorted(msgspec.json.encode(row, order="sorted") for row in rows.values()))
        }

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[Export]:
        """See `Database.export`."""
        batches = [
            (name, pa.RecordBatch.from_pylist(list(rows.values()))) for name, rows in self.tables.items() if rows
        ]
        yield Export(
            schema_version=self.schema_version,
            captured_at=self._now(),
            tables=tuple(self.tables),
            batches=one_by_one(batches),
        )

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """See `Database.restore`."""
        self._require_new(by, RestoreFailed)
        if export.schema_version != self.schema_version:
            raise BaselineSchemaDrift("the target's schema is not the one this baseline was taken of")
        tables: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in self.tables}
        async for name, batch in export.batches:
            rows: list[dict[str, Any]] = batch.to_pylist()
            tables[name] = {next(iter(row.values())): row for row in rows}
        self.tables = tables
        self._owners = {}
        self._bury_all(by)
        return self.row_counts()

    def row_counts(self) -> dict[str, int]:
        """The number of rows in each table that has ever held one."""
        return {name: len(rows) for name, rows in self.tables.items()}

    def _seeded_before(self, run_id: str, digest: str) -> _Run | None:
        """The entry of a run that is there already with these rows; `SeedFailed` when they may not be written."""
        run = self._ledger.get(run_id)
        if run is not None and run.state == "deleted":
            raise SeedFailed("the run was deleted; a late seed is refused", run_id=run_id, status=410)
        if run is not None and run.digest != digest:
            raise SeedFailed("another bundle was seeded under this run id", run_id=run_id, status=409)
        return run

    def _write(self, run_id: str, entities: Mapping[str, Entity], records: Records, run: _Run) -> _Run:
        for name, rows in records.items():
            entity = self._entities[name] = entities[name]
            written = {row[entity.key]: row for row in self._with_keys(entity, rows, run.keys)}
            self.tables.setdefault(name, {}).update(written)
            if entity.run_column is None:
                self._owners |= {(name, key): run_id for key in written}
        self._ledger[run_id] = run
        return run

    def _until(self, ttl_seconds: int | None) -> datetime | None:
        return None if ttl_seconds is None else self._in(ttl_seconds)

    def _in(self, seconds: int) -> datetime:
        return self._now() + timedelta(seconds=seconds)

    def _is_due(self, run: _Run) -> bool:
        return run.state == "seeded" and run.expires_at is not None and run.expires_at <= self._now()

    def _require_new(self, by: str, refusal: type[TargetError]) -> None:
        if by in self._ledger:
            raise refusal(f"{by} was carried out or given up; give the command again", target_code="RUN_DELETED")

    def _bury_all(self, by: str) -> None:
        """Put up the tombstones of all runs; those that have rows all the same, of a baseline, are not taken back."""
        for run_id, run in self._ledger.items():
            if run.state == "seeded" or run.restored:
                restored = any(self._is_of(name, key, run_id) for name, rows in self.tables.items() for key in rows)
                taken_back_by = None if restored else by
                self._ledger[run_id] = msgspec.structs.replace(
                    run, state="deleted", taken_back_by=taken_back_by, restored=restored
                )
        self._ledger[by] = _Run("deleted", taken_back_by=by)

    def _remove(self, run_id: str | None) -> Deletion:
        """Delete the rows of a run, or of all, and those of no run that refer to them; the ledger stays as it is."""
        mine = {
            (name, key): None for name, rows in self.tables.items() for key in rows if self._is_of(name, key, run_id)
        }
        hanging = self._hanging(mine)
        residue = [self._residue(name, key, deleted=True) for name, key in hanging]
        counts = dict.fromkeys(self.tables, 0)
        keys: dict[str, list[Mapping[str, Any]]] = {}
        for name, key in mine:
            keys.setdefault(name, []).append(self._key(name, key))
        for name, key in (*mine, *hanging):
            counts[name] += 1
            del self.tables[name][key]
            self._owners.pop((name, key), None)
        told = {name: of_table[:KEYS_TOLD] for name, of_table in keys.items()}
        return Deletion(deleted_counts=counts, deleted_keys=told, residue=residue)

    def _hanging(self, mine: Places) -> Places:
        """Rows of no run that refer to these, and so on; `ResetFailed` when one of another run does."""
        hanging: Places = {}
        others: list[Residue] = []
        latest = mine
        while latest:
            found = [place for place in self._referring_to(latest) if place not in mine and place not in hanging]
            latest = {(name, key): None for name, key in found if not self._has_run(name, key)}
            others += [self._residue(name, key, deleted=False) for name, key in found if self._has_run(name, key)]
            hanging |= latest
        if others:
            details = {"table": others[0].table, "residue": msgspec.to_builtins(others)}
            raise ResetFailed(
                f"rows of '{others[0].table}' that are of another run still point at the rows; delete that run first",
                target_status=409,
                target_code="ROWS_REFERENCED",
                target_details=details,
            )
        return hanging

    def _has_run(self, name: str, key: Any) -> bool:
        return self._is_of(name, key, None)

    def _is_of(self, name: str, key: Any, run_id: str | None) -> bool:
        """Whether a row is of this run; of any run, where there is no id."""
        owner = self._owners.get((name, key)) or self.tables[name][key].get("test_run_id")
        return owner is not None if run_id is None else owner == run_id

    def _make_keys(self, entities: Mapping[str, Entity], records: Records) -> dict[str, int]:
        return {
            row[entities[name].key]: next(self._numbers)
            for name, rows in records.items()
            if name in self.numbered
            for row in rows
        }

    def _with_keys(
        self, entity: Entity, rows: Iterable[Mapping[str, Any]], keys: Mapping[str, int]
    ) -> list[dict[str, Any]]:
        symbolic = [column for column, parent in entity.refs().items() if parent in self.numbered]
        symbolic += [entity.key] if entity.name in self.numbered else []
        return [{**row, **{column: keys.get(row[column], row[column]) for column in symbolic}} for row in rows]

    def _referring_to(self, places: Places) -> Iterable[tuple[str, Any]]:
        for name, entity in self._entities.items():
            for column, parent in entity.refs().items():
                for key, row in self.tables[name].items():
                    if (parent, row.get(column)) in places:
                        yield name, key

    def _key(self, name: str, key: Any) -> Mapping[str, Any]:
        return {self._entities[name].key: key}

    def _residue(self, name: str, key: Any, *, deleted: bool) -> Residue:
        return Residue(table=name, key=self._key(name, key), reason="references", deleted=deleted)

    def _check(self, run_id: str, entities: Mapping[str, Entity], records: Records) -> None:
        sent = {name: {row[entities[name].key] for row in rows} for name, rows in records.items()}
        for name, rows in records.items():
            keys = [row[entities[name].key] for row in rows]
            taken = [key for key in keys if key in self.tables.get(name, {})]
            if taken or len(sent[name]) < len(keys):
                raise SeedFailed(f"{name}: the key {(taken or keys)[0]!r} exists", run_id=run_id, status=409)
            for column, parent in entities[name].refs().items():
                known = (
                    self._shared.get(parent, set()) | self.tables.get(parent, {}).keys() | sent.get(parent, set[Any]())
                )
                dangling = [row[column] for row in rows if row[column] is not None and row[column] not in known]
                if dangling:
                    raise SeedFailed(
                        f"{name}.{column}: no {parent} {dangling[0]!r}", run_id=run_id, status=422, table=name
                    )


async def one_by_one(batches: Iterable[tuple[str, pa.RecordBatch]]) -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    """The batches of an `Export`."""
    for batch in batches:
        yield batch
