"""Fakes that really do it, in memory: a target with a ledger, an audit log, a catalog, idempotency keys."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec

from atdm_core.audit import Mark, Part, Trail, run_status
from atdm_core.errors import SeedFailed, TrailConflict
from atdm_core.values import Bundle, CatalogQuery, CatalogRow, Claim, Deletion, SeedReceipt

__all__ = ["MemoryCatalog", "MemoryClaims", "MemoryLog", "MemoryTarget"]


class MemoryTarget:
    """A target whose tables are dictionaries. It keeps the whole contract, the tombstones included.

    `shared` holds the keys of reference rows that exist without a run, by entity; references to anything else that is
    not there are refused, and so is a primary key that exists.
    """

    def __init__(self, shared: Mapping[str, Sequence[str]] | None = None) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {}
        self._shared = {name: set(keys) for name, keys in (shared or {}).items()}
        self._ledger: dict[str, tuple[Literal["seeded", "deleted"], str]] = {}

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

    def row_counts(self) -> dict[str, int]:
        """The number of rows in each table that has ever held one."""
        return {name: len(rows) for name, rows in self.tables.items()}

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
