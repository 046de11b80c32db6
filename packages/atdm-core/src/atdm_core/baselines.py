"""Baselines: every table of the target at one moment, kept under a name, and put back."""

from collections.abc import Mapping
from typing import Any

from atdm_core.ids import check_id
from atdm_core.protocols import Order, Services
from atdm_core.strategy_trail import recorded

__all__ = ["BaselineRestore", "BaselineSnapshot"]


class BaselineSnapshot:
    """Keeps all tables in one consistent read. Option `baseline_id`: the name; one made of the time when absent."""

    name = "baseline_snapshot"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """What was kept. `BaselineExists`, `SnapshotFailed`, `StoreUnavailable`: recorded."""
        moment = self._services.clock()
        baseline_id = check_id(order.options.get("baseline_id") or f"baseline-{moment:%Y%m%dT%H%M%S%f}Z")
        async with recorded(self._services, self.name, "snapshot", order, ("target.export",)) as trail:
            async with self._services.database.export() as export:
                manifest = await self._services.baselines.save(baseline_id, export, trail.run_id)
            trail.outputs = {
                "baseline_id": manifest.baseline_id,
                "captured_at": manifest.captured_at,
                "tables": list(manifest.files),
                "row_counts": manifest.row_counts(),
                "schema_version": manifest.schema_version,
            }
        return {"strategy": self.name, "audit_run_id": trail.run_id, **trail.outputs}


class BaselineRestore:
    """Verifies a baseline, then replaces all rows in one transaction. Option `baseline_id`: the latest when absent.

    Restoring is an idempotent seed: doing it again gives the same state.
    """

    name = "baseline_restore"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """What was restored. A `BaselineError`, `RestoreFailed`, `StoreUnavailable`: recorded."""
        wanted = order.options.get("baseline_id")
        baseline_id = None if wanted is None else check_id(wanted)
        async with recorded(self._services, self.name, "restore", order, ("target.restore",)) as trail:
            async with self._services.baselines.open(baseline_id) as (manifest, export):
                row_counts = await self._services.database.restore(export, trail.run_id)
            trail.outputs = {
                "baseline_id": manifest.baseline_id,
                "captured_at": manifest.captured_at,
                "restored_at": self._services.clock(),
                "row_counts": dict(row_counts),
            }
        return {"strategy": self.name, "audit_run_id": trail.run_id, **trail.outputs}
