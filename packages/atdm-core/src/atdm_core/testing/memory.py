"""Fakes that really do it, in memory: a target with a ledger, an audit log, a catalog, idempotency keys."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec
import pyarrow as pa

from atdm_core.audit import Mark, Part, Trail, run_status
from atdm_core.errors import (
    BaselineExists,
    BaselineNotFound,
    BaselineSchemaDrift,
    NoBaseline,
    SeedFailed,
    TrailConflict,
)
from atdm_core.protocols import Export
from atdm_core.strategy_trail import started_last
from atdm_core.values import (
    Bundle,
    CatalogQuery,
    CatalogRow,
    Claim,
    Deletion,
    Manifest,
    SeedReceipt,
    TableFile,
)

__all__ = ["MemoryBaselines", "MemoryCatalog", "MemoryClaims", "MemoryLog", "MemoryTarget"]


class MemoryTarget:
    """A target whose tables are dictionaries. It keeps the whole contract, the tombstones included.

    `shared` holds the keys of reference rows that exist without a run, by entity; references to anything else that is
    not there are refused, and so is a primary key that exists.
    """

    def __init__(self, shared: Mapping[str, Sequence[str]] | None = None) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {}
        self._shared = {name: set(keys) for name, keys in (shared or {}).items()}
        self._ledger: dict[str, tuple[Literal["seeded", "deleted"], str]] = {}
        self.schema_version = "1"

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        records = bundle.records()
        digest = sha256(msgspec.json.encode(records)).hexdigest()
        state, known = self._ledger.get(bundle.run_id, (None, digest))
        if state == "deleted":
            raise SeedFailed("the run was deleted; a late seed is refused", run_id=bundle.run_id, status=410)
        if known != digest:
            raise SeedFailed("another bundle was seeded under this run id", run_id=bundle.run_id, status=409)
        if state is None:
            self._check(bundle, records)
            for name, table in bundle.whole().items():
                self.tables.setdefault(name, {}).update({row[table.entity.key]: row for row in records[name]})
            self._ledger[bundle.run_id] = ("seeded", digest)
        expires_at = None if ttl_seconds is None else datetime.now(UTC) + timedelta(seconds=ttl_seconds)
        return SeedReceipt(row_counts={name: len(rows) for name, rows in records.items()}, expires_at=expires_at)

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        previous, digest = self._ledger.get(run_id, (None, ""))
        self._ledger[run_id] = ("deleted", digest)
        counts: dict[str, int] = {}
        for name, rows in self.tables.items():
            mine = [key for key, row in rows.items() if row.get("test_run_id") == run_id]
            for key in mine:
                del rows[key]
            counts[name] = len(mine)
        return Deletion(deleted_counts=counts, previous_state=previous)

    async def check(self) -> None:
        """See `Target.check`."""

    async def delete_all(self) -> Deletion:
        """See `Database.delete_all`."""
        counts = self.row_counts()
        self.tables = {name: {} for name in self.tables}
        self._bury_all()
        return Deletion(deleted_counts=counts)

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[Export]:
        """See `Database.export`."""
        batches = [
            (name, pa.RecordBatch.from_pylist(list(rows.values()))) for name, rows in self.tables.items() if rows
        ]
        yield Export(
            schema_version=self.schema_version,
            captured_at=datetime.now(UTC),
            tables=tuple(self.tables),
            batches=_one_by_one(batches),
        )

    async def restore(self, export: Export) -> Mapping[str, int]:
        """See `Database.restore`."""
        if export.schema_version != self.schema_version:
            raise BaselineSchemaDrift("the target's schema is not the one this baseline was taken of")
        tables: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in self.tables}
        async for name, batch in export.batches:
            rows: list[dict[str, Any]] = batch.to_pylist()
            tables[name] = {next(iter(row.values())): row for row in rows}
        self.tables = tables
        self._bury_all()
        return self.row_counts()

    def row_counts(self) -> dict[str, int]:
        """The number of rows in each table that has ever held one."""
        return {name: len(rows) for name, rows in self.tables.items()}

    def _bury_all(self) -> None:
        self._ledger = {run_id: ("deleted", digest) for run_id, (_, digest) in self._ledger.items()}

    def _check(self, bundle: Bundle, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        for name, table in bundle.whole().items():
            keys = [row[table.entity.key] for row in records[name]]
            taken = [key for key in keys if key in self.tables.get(name, {})]
            if taken or len(set(keys)) < len(keys):
                raise SeedFailed(f"{name}: the key {(taken or keys)[0]!r} exists", run_id=bundle.run_id, status=409)
            for column, parent in table.entity.refs().items():
                known = (
                    self._shared.get(parent, set())
                    | self.tables.get(parent, {}).keys()
                    | _keys(bundle, records, parent)
                )
                dangling = [
                    row[column] for row in records[name] if row[column] is not None and row[column] not in known
                ]
                if dangling:
                    raise SeedFailed(
                        f"{name}.{column}: no {parent} {dangling[0]!r}",
                        run_id=bundle.run_id,
                        status=422,
                        table=name,
                    )


def _keys(bundle: Bundle, records: Mapping[str, Sequence[Mapping[str, Any]]], entity: str) -> set[Any]:
    tables = bundle.tables.get(entity, ())
    return {row[tables[0].entity.key] for row in records.get(entity, ())} if tables else set()


async def _one_by_one(batches: Iterable[tuple[str, pa.RecordBatch]]) -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    for batch in batches:
        yield batch


class MemoryBaselines:
    """Baselines that last as long as the object."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Manifest, list[tuple[str, pa.RecordBatch]]]] = {}

    async def save(self, baseline_id: str, export: Export) -> Manifest:
        """See `Baselines.save`."""
        if baseline_id in self._kept:
            raise BaselineExists(f"a baseline {baseline_id!r} exists, and none is overwritten; choose another name")
        batches = [batch async for batch in export.batches]
        rows = {table: sum(batch.num_rows for name, batch in batches if name == table) for table in export.tables}
        manifest = Manifest(
            baseline_id=baseline_id,
            captured_at=export.captured_at,
            schema_version=export.schema_version,
            files={table: TableFile(rows=count, sha256="") for table, count in rows.items()},
        )
        self._kept[baseline_id] = (manifest, batches)
        return manifest

    @asynccontextmanager
    async def open(self, baseline_id: str | None) -> AsyncGenerator[tuple[Manifest, Export]]:
        """See `Baselines.open`."""
        manifests = await self.manifests()
        if baseline_id is None and not manifests:
            raise NoBaseline("there is no baseline yet")
        if baseline_id is not None and baseline_id not in self._kept:
            raise BaselineNotFound(f"no baseline {baseline_id!r}")
        manifest, batches = self._kept[baseline_id or manifests[0].baseline_id]
        yield (
            manifest,
            Export(
                schema_version=manifest.schema_version,
                captured_at=manifest.captured_at,
                tables=tuple(manifest.files),
                batches=_one_by_one(batches),
            ),
        )

    async def manifests(self) -> Sequence[Manifest]:
        """See `Baselines.manifests`."""
        kept = [manifest for manifest, _ in self._kept.values()]
        return sorted(kept, key=lambda manifest: manifest.captured_at, reverse=True)


class MemoryLog:
    """An audit log that lasts as long as the object."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self._parts: dict[str, list[Part]] = {}

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        self.marks.append(mark)

    async def append(self, part: Part) -> None:
        """See `AuditLog.append`."""
        parts = self._parts.setdefault(part.run_id, [])
        if part.version < len(parts):
            raise TrailConflict(f"part {part.version} of run {part.run_id} exists", run_id=part.run_id)
        parts.append(part)

    async def read(self, run_id: str) -> Trail | None:
        """See `AuditLog.read`."""
        parts = self._parts.get(run_id)
        return Trail.of_parts(run_id, parts) if parts else None

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """See `AuditLog.strategies`."""
        return [Trail.of_parts(run_id, self._parts[run_id]) for run_id in started_last(self._parts, limit)]


class MemoryCatalog:
    """A catalog that lasts as long as the object; it asks `log` for the status that runs have now."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._rows: dict[str, CatalogRow] = {}

    async def record(self, row: CatalogRow) -> None:
        """See `Catalog.record`."""
        self._rows.setdefault(row.test_run_id, row)

    async def find(self, run_id: str) -> CatalogRow | None:
        """See `Catalog.find`."""
        return self._rows.get(run_id)

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """See `Catalog.runs`."""
        found: list[CatalogRow] = []
        for run_id in sorted(self._rows, reverse=True):
            trail = await self._log.read(run_id)
            status = run_status(trail.events) if trail else None
            row = msgspec.structs.replace(self._rows[run_id], status=status or self._rows[run_id].status)
            if query.matches(row):
                found.append(row)
        return found[: query.limit]


class MemoryClaims:
    """Idempotency keys that last as long as the object."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    async def claim(self, claim: Claim) -> Claim:
        """See `Claims.claim`."""
        return self._claims.setdefault(claim.key_sha256, claim)
