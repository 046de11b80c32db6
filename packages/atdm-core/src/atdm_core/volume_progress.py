"""How far a volume has come: as its process knows it, and as its trail tells it afterwards."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from atdm_core.audit import Trail, run_status
from atdm_core.catalog import expiry_of
from atdm_core.run import cause_of
from atdm_core.values import CatalogRow, RunStatus
from atdm_core.volume_arrow import ShardRows
from atdm_core.volume_request import VolumeProgress

__all__ = ["Going", "cause_of_end", "end_of"]


class Going:
    """A volume of this process: what of it was sent, and its last word."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.bundles = 0
        self.rows = 0
        self.shards: dict[int, str] = {}
        self.ended = asyncio.Event()
        self.end: VolumeProgress | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self.is_ending = False
        self._started = time.monotonic()

    def sent(self, shard: ShardRows) -> None:
        """A shard went to the target, whole."""
        self.bundles += shard.count
        self.shards[shard.number] = shard.sha256

    def now(self, status: RunStatus = "open", **more: Any) -> VolumeProgress:
        """How far it has come by now."""
        speed = self.rows / max(time.monotonic() - self._started, 0.001)
        return VolumeProgress(
            test_run_id=self.run_id,
            status=status,
            bundles=self.bundles,
            rows=self.rows,
            rows_per_second=round(speed, 1),
            **more,
        )

    def close(self, end: VolumeProgress) -> None:
        """Nothing follows `end`."""
        self.end = end
        self.ended.set()

    def digest(self) -> str:
        """The SHA-256 (hex) over the digests of all shards, in order."""
        return sha256("".join(self.shards[number] for number in sorted(self.shards)).encode()).hexdigest()


def cause_of_end(error: BaseException) -> Mapping[str, Any]:
    """What trail and last word say of what ended a volume early."""
    if isinstance(error, asyncio.CancelledError):
        return {"code": "SERVER_STOPPED", "message": "the server was stopped; the volume is undone", "details": {}}
    return msgspec.to_builtins(cause_of(error))


def end_of(row: CatalogRow, trail: Trail) -> VolumeProgress:
    """The last word about a volume that is decided."""
    by_action = {event.action: event.outputs for event in trail.events}
    seeded = by_action.get("seed_completed", {})
    counts: Mapping[str, int] | None = seeded.get("row_counts")
    expires_at: datetime | None = expiry_of(trail.events) if seeded else None
    return VolumeProgress(
        test_run_id=row.test_run_id,
        status=run_status(trail.events) or "open",
        bundles=seeded.get("bundles"),
        rows=None if counts is None else sum(counts.values()),
        row_counts=counts,
        expires_at=expires_at,
        digest=seeded.get("digest"),
        error=by_action.get("seed_failed", {}).get("error"),
    )
