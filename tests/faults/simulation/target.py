"""The target of the simulation: the real fake, everything done to it told to the promises, and the way to it."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from atdm_core.protocols import Export, Load
from atdm_core.testing import MemoryBaselines, MemoryTarget
from atdm_core.testing.memory_target import one_by_one
from atdm_core.values import Bundle, Deletion, LedgerEntry, Manifest, SeedReceipt, TableDigest
from tests.faults.simulation.promises import Promises
from tests.faults.simulation.virtual_loop import Process
from tests.faults.simulation.weather import Link, Weather

__all__ = ["BaselinesLink", "TargetLink", "at_once"]

_T = TypeVar("_T")
_Kept = tuple[Export, list[tuple[str, pa.RecordBatch]]]


def at_once(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something, and was to be one step")


class TargetLink:
    """See `Target` and `Database`: each call is one step at the other end."""

    def __init__(
        self, target: MemoryTarget, promises: Promises, process: Process, link: Link, weather: Weather
    ) -> None:
        self._target = target
        self._promises = promises
        self._process = process
        self._link = link
        self._weather = weather

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""

        def seed() -> SeedReceipt:
            receipt = at_once(self._target.seed(bundle, ttl_seconds))
            self._promises.seeded(bundle, ttl_seconds)
            return receipt

        self._promises.seed_sent(bundle.run_id)
        return await self._write(f"seed {bundle.run_id}", seed)

    async def load(self, load: Load, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.load`. No client of the simulation asks for a volume."""
        raise NotImplementedError

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""

        def delete() -> Deletion:
            deletion = at_once(self._target.delete(run_id))
            self._promises.deleted(run_id)
            return deletion

        return await self._write(f"delete {run_id}", delete)

    async def extend(self, run_id: str, ttl_seconds: int) -> datetime:
        """See `Target.extend`."""

        def extend() -> datetime:
            expires_at = at_once(self._target.extend(run_id, ttl_seconds))
            self._promises.extended(run_id, ttl_seconds)
            return expires_at

        return await self._write(f"extend {run_id} {ttl_seconds}", extend)

    async def expired(self, limit: int) -> Sequence[str]:
        """See `Target.expired`."""
        return await self._read("expired", lambda: at_once(self._target.expired(limit)))

    async def expire(self, run_id: str) -> Deletion | None:
        """See `Target.expire`."""

        def expire() -> Deletion | None:
            deletion = at_once(self._target.expire(run_id))
            if deletion is not None and deletion.previous_state == "seeded":
                self._promises.deleted(run_id)
            return deletion

        return await self._write(f"expire {run_id}", expire)

    async def seeded(self, after: str, limit: int) -> Sequence[str]:
        """See `Target.seeded`."""
        return await self._read("seeded", lambda: at_once(self._target.seeded(after, limit)))

    async def describe(self, run_id: str) -> LedgerEntry | None:
        """See `Target.describe`."""
        return await self._read(f"describe {run_id}", lambda: at_once(self._target.describe(run_id)))

    async def check(self) -> None:
        """See `Target.check`."""
        await self._read("check", lambda: None)

    async def delete_all(self, by: str) -> Deletion:
        """See `Database.delete_all`."""

        def delete_all() -> Deletion:
            deletion = at_once(self._target.delete_all(by))
            self._promises.replaced({}, by)
            return deletion

        return await self._write(f"delete all {by}", delete_all)

    async def taken_back(self, by: str, after: str, limit: int) -> Sequence[str]:
        """See `Database.taken_back`."""
        return await self._read(f"taken back {by}", lambda: at_once(self._target.taken_back(by, after, limit)))

    async def digest(self) -> Mapping[str, TableDigest]:
        """See `Database.digest`."""
        return await self._read("digest", lambda: at_once(self._target.digest()))

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[Export]:
        """See `Database.export`; the whole of it is read in one step."""
        export, batches = await self._read("export", lambda: at_once(_read_out(self._target)))
        yield msgspec.structs.replace(export, batches=one_by_one(batches))

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """See `Database.restore`."""
        batches = [batch async for batch in export.batches]

        def restore() -> Mapping[str, int]:
            again = msgspec.structs.replace(export, batches=one_by_one(batches))
            counts = at_once(self._target.restore(again, by))
            self._promises.replaced(self._target.tables, by)
            return counts

        return await self._write(f"restore {by}", restore)

    async def _write(self, call: str, work: Callable[[], _T]) -> _T:
        return await self._weather.carry(self._process, self._link, call, work, writes=True)

    async def _read(self, call: str, work: Callable[[], _T]) -> _T:
        return await self._weather.carry(self._process, self._link, call, work, writes=False)


class BaselinesLink:
    """See `Baselines`: kept in memory, at the other end of the way to the store."""

    def __init__(self, kept: MemoryBaselines, process: Process, link: Link, weather: Weather) -> None:
        self._kept = kept
        self._process = process
        self._link = link
        self._weather = weather

    async def save(self, baseline_id: str, export: Export, by: str) -> Manifest:
        """See `Baselines.save`."""
        batches = [batch async for batch in export.batches]

        def save() -> Manifest:
            again = msgspec.structs.replace(export, batches=one_by_one(batches))
            return at_once(self._kept.save(baseline_id, again, by))

        return await self._weather.carry(self._process, self._link, f"save {baseline_id}", save, writes=True)

    @asynccontextmanager
    async def open(self, baseline_id: str | None) -> AsyncGenerator[tuple[Manifest, Export]]:
        """See `Baselines.open`."""
        read = self._weather.carry(
            self._process, self._link, "open baseline", lambda: at_once(_take(self._kept, baseline_id)), writes=False
        )
        manifest, export, batches = await read
        yield manifest, msgspec.structs.replace(export, batches=one_by_one(batches))

    async def manifests(self) -> Sequence[Manifest]:
        """See `Baselines.manifests`."""
        return at_once(self._kept.manifests())


async def _read_out(target: MemoryTarget) -> _Kept:
    async with target.export() as export:
        return export, [batch async for batch in export.batches]


async def _take(
    kept: MemoryBaselines, baseline_id: str | None
) -> tuple[Manifest, Export, list[tuple[str, pa.RecordBatch]]]:
    async with kept.open(baseline_id) as (manifest, export):
        return manifest, export, [batch async for batch in export.batches]
