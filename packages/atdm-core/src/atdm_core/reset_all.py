"""`reset_all`: take every run back at once; rows that all runs share stay."""

from collections.abc import Mapping
from typing import Any

from atdm_core.protocols import Order, Services
from atdm_core.strategy_trail import recorded

__all__ = ["ResetAll"]


class ResetAll:
    """Deletes the rows of every run. No options; whoever calls it has made sure that it is meant."""

    name = "reset_all"

    def __init__(self, services: Services) -> None:
        self._services = services

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """What was deleted, by table and in all; a `TargetError`: recorded."""
        async with recorded(self._services, self.name, "reset", order, ("target.delete_all",)) as trail:
            deletion = await self._services.database.delete_all(trail.run_id)
            trail.outputs = {
                "deleted_counts": dict(deletion.deleted_counts),
                "cleared_record_count": sum(deletion.deleted_counts.values()),
            }
        return {"strategy": self.name, "audit_run_id": trail.run_id, **trail.outputs}
