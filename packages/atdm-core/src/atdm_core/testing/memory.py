"""Stores that really do it, in memory: an audit log, a catalog, idempotency keys, baselines."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import pyarrow as pa

from atdm_core.audit import Mark, Part, Trail
from atdm_core.catalog import row_as_of_now
from atdm_core.errors import (
    BaselineExists,
    BaselineNotFound,
    NoBaseline,
    TrailConflict,
)
from atdm_core.protocols import Export, LogNews
from atdm_core.strategy_trail import started_last
from atdm_core.testing.memory_target import one_by_one
from atdm_core.values import (
    CatalogQuery,
    CatalogRow,
    Claim,
    Manifest,
    TableFile,
)

__all__ = ["MemoryBaselines", "MemoryCatalog", "MemoryClaims", "MemoryLog"]


class MemoryBaselines:
    """Baselines that last as long as the object."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Manifest, list[tuple[str, pa.RecordBatch]]]] = {}

    async def save(self, baseline_id: str, export: Export, by: str) -> Manifest:
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
            audit_run_id=by,
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
                batches=one_by_one(batches),
            ),
        )

    async def manifests(self) -> Sequence[Manifest]:
        """See `Baselines.manifests`."""
        kept = [manifest for manifest, _ in self._kept.values()]
        return sorted(kept, key=lambda manifest: manifest.captured_at, reverse=True)


class MemoryLog:
    """An audit log that lasts as long as the object."""

    LOG_ID = "memory"

    def __init__(self) -> None:
        self.noted: list[Mark] = []
        self._retired: set[str] = set()
        self._parts: dict[str, list[Part]] = {}

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        self.noted.append(mark)

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """See `AuditLog.marks`. There is one log, and each mark is a segment of it."""
        if self.LOG_ID in self._retired or not self.noted:
            return LogNews((), {})
        news = [(self.LOG_ID, mark) for mark in self.noted[seen.get(self.LOG_ID, 0) :]]
        return LogNews(news, {self.LOG_ID: len(self.noted)})

    async def retire(self, log_id: str) -> None:
        """See `AuditLog.retire`."""
        self._retired.add(log_id)

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
            row = row_as_of_now(self._rows[run_id], await self._log.read(run_id))
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
