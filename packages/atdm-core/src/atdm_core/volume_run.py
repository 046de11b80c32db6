"""A volume as a run: opened, made shard by shard, written in one transaction of the target, recorded.

It lives as any other run does, only longer than a request: whoever asks is answered when it is open, and follows it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec
import pyarrow as pa

from atdm_core.audit import Trail, run_status
from atdm_core.claiming import claim_key
from atdm_core.errors import AtdmError, RunNotFound, SeedFailed, StoreError, TooManyRequests, TrailConflict
from atdm_core.ids import check_id, derive_seed
from atdm_core.pack import Pack
from atdm_core.protocols import Claims, Load, Services
from atdm_core.pulse import kept_alive
from atdm_core.recovery import PATIENCE, Recovery
from atdm_core.registry import Registry
from atdm_core.run import Run
from atdm_core.values import (
    Caller,
    CatalogRow,
    Cleanup,
    Finding,
    Plan,
    RunStatus,
    SeedReceipt,
)
from atdm_core.volume import Volume, shards_of
from atdm_core.volume_arrow import ShardRows
from atdm_core.volume_progress import Going, cause_of_end, end_of
from atdm_core.volume_request import SCENARIO, VolumeAccepted, VolumeProgress, VolumeRequest

__all__ = ["ShardMaker", "VolumeRuns"]

SHARD_SIZE: Final = 10_000  # bundles that are made and sent at once
PACE: Final = 0.5  # seconds between two words about a run of this process
POLL: Final = 2.0  # seconds between two looks at a run of another process
REMEMBERED: Final = 64  # runs of this process of which the end is kept in memory

ShardMaker: TypeAlias = Callable[[Volume, Pack], AsyncGenerator[ShardRows]]
"""Makes all shards of a volume, in any order, each validated; closing it stops the work."""


class VolumeRuns:
    """The volumes of one process. One at a time: the target is what bounds them, not the processor."""

    def __init__(
        self,
        *,
        registry: Registry,
        services: Services,
        claims: Claims,
        recovery: Recovery,
        server_key: bytes,
        make: ShardMaker,
        report: Callable[[str, Exception], None],
    ) -> None:
        """`report` is told of what nobody foresaw."""
        self._registry = registry
        self._services = services
        self._claims = claims
        self._recovery = recovery
        self._server_key = server_key
        self._make = make
        self._report = report
        self._going: dict[str, Going] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a volume is being made now, so that `begin` must wait."""
        return self._task is not None and not self._task.done()

    async def begin(self, request: VolumeRequest, caller: Caller) -> VolumeAccepted:
        """Open a run and go on making it in the background; returns when it is durably open.

        Where the caller's idempotency key belongs to a run already, that one is answered with, as it stands.

        Raises a `RequestError` when there can be no such volume, `TooManyRequests` when this process is making another,
        a `StoreError` when it cannot be opened.
        """
        pack = self._registry.pack_for(request.as_request())
        run = Run(request.as_request(), caller, self._server_key, self._services.clock)
        volume = _volume(request, pack, run)
        if caller.idempotency_key is not None:
            claim = await claim_key(self._claims, run, caller.idempotency_key)
            if claim.run_id != run.id:
                run = Run(request.as_request(), caller, self._server_key, self._services.clock, claim)
                volume = _volume(request, pack, run)
                status = await self._status(run.id)
                if status is not None:
                    return _accepted(run, volume, status)
                # Whoever claimed the key died before the run was open, or was busy: it is opened here.
        return await self._opened(run, volume, pack)

    async def _status(self, run_id: str) -> RunStatus | None:
        """How far a volume has come that was begun; None: it was not."""
        going = self._going.get(run_id)
        if going is not None and going.end is None:
            await asyncio.shield(going.opened)
            return "open"
        trail, draft = await asyncio.gather(self._services.log.read(run_id), self._recovery.draft(run_id))
        if trail is not None:
            return run_status(trail.events)
        return None if draft is None else "open"

    async def _opened(self, run: Run, volume: Volume, pack: Pack) -> VolumeAccepted:
        if self.is_busy:
            raise TooManyRequests("this server is making a volume; send the request again when it is there")
        run.planned(_plan(pack, volume, run))
        shards = len(shards_of(volume, pack))
        run.trail.record(
            "seed_started",
            invoker=run.caller.invoker,
            tools_called=["target.load"],
            inputs={"bundles": volume.count, "shards": shards},
        )
        going = self._remember(run.id)
        task = self._task = going.task = asyncio.create_task(self._carry_out(run, volume, pack, going))
        try:
            await asyncio.shield(going.opened)
        except BaseException:
            task.cancel()
            raise
        return _accepted(run, volume, "open")

    async def follow(self, run_id: str) -> AsyncIterator[VolumeProgress]:
        """How far a volume has come, again and again until its last word; `RunNotFound`."""
        going = self._going.get(check_id(run_id))
        if going is None:
            async for progress in self._follow_elsewhere(run_id):
                yield progress
            return
        while going.end is None:
            yield going.now()
            with suppress(TimeoutError):
                await asyncio.wait_for(going.ended.wait(), PACE)
        yield going.end

    async def stop(self, run_id: str) -> None:
        """Give up a volume that has been decided to be rolled back, if this process makes it.

        Returns when it is undone, or is taking its time.
        """
        going = self._going.get(run_id)
        if going is not None and going.task is not None and not going.task.done():
            if not going.is_ending:
                going.task.cancel()
            await asyncio.wait([going.task], timeout=PATIENCE)

    async def close(self) -> None:
        """Give up the volume that is being made, and undo it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _remember(self, run_id: str) -> Going:
        going = self._going[run_id] = Going(run_id)
        while len(self._going) > REMEMBERED:
            del self._going[next(iter(self._going))]
        return going

    async def _carry_out(self, run: Run, volume: Volume, pack: Pack, going: Going) -> None:
        row = run.catalog_row()
        try:
            await self._services.log.note(run.open_mark())
            await self._services.catalog.record(row)
        except BaseException as error:
            # Whether the mark is there nobody knows; recovery settles what it finds.
            going.close(going.now("rolled_back", error=cause_of_end(error)))
            if isinstance(error, asyncio.CancelledError):
                going.opened.cancel()
                raise
            going.opened.set_exception(error)
            return
        going.opened.set_result(None)
        try:
            receipt = await self._loaded(run, volume, pack, going)
            trail = await self._decided(run, receipt, going)
        except BaseException as error:
            going.is_ending = True
            end = going.now("rolled_back", error=cause_of_end(error))
            try:
                run.failed(error, cause_of_end(error))
                keyed = run.caller.idempotency_key is not None
                await asyncio.shield(self._recovery.undo(run.trail, row, keyed=keyed))
                end = await self._end_as_decided(row) or end
            finally:
                going.close(end)
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, AtdmError):
                self._report(run.id, error)
            return
        await self._services.log.note(run.mark("close", "ready", trail.head.hex()))
        going.close(going.now("ready", row_counts=run.row_counts, expires_at=run.expires_at, digest=going.digest()))

    async def _loaded(self, run: Run, volume: Volume, pack: Pack, going: Going) -> SeedReceipt:
        """Make the rows and have the target write them, saying all the while that the run is alive.

        Cancels the task that it is in when somebody else decides the run meanwhile: nothing can come of it then.
        """
        watch = asyncio.create_task(self._watch(run, asyncio.current_task()))
        try:
            async with kept_alive(self._services, run.open_mark), aclosing(self._make(volume, pack)) as shards:
                load = Load(
                    run_id=run.id,
                    sha256=sha256(msgspec.json.encode(volume, order="deterministic")).hexdigest(),
                    entities=pack.entities,
                    groups=_groups(shards, going),
                )
                return await self._services.target.load(load, run.request.ttl_seconds)
        finally:
            watch.cancel()

    async def _watch(self, run: Run, making: asyncio.Task[Any] | None) -> None:
        while making is not None:
            await asyncio.sleep(min(self._services.pulse, POLL))
            with suppress(StoreError):
                if await self._services.log.read(run.id) is not None:
                    making.cancel()
                    return

    async def _end_as_decided(self, row: CatalogRow) -> VolumeProgress | None:
        """The last word about a volume that did not end as it should, as its trail has it; None: there is none yet."""
        try:
            trail = await self._services.log.read(row.test_run_id)
        except StoreError:
            return None
        return trail and end_of(row, trail)

    async def _decided(self, run: Run, receipt: SeedReceipt, going: Going) -> Trail:
        """Create the run object; `SeedFailed` where somebody else has done so, who took this process for dead."""
        run.row_counts, run.expires_at = receipt.row_counts, receipt.expires_at
        told = f"held for each of {going.bundles} bundles"
        run.validated([Finding(validator=name, ok=True, message=told) for name in run.plan.validators])
        outputs = {
            "row_counts": dict(receipt.row_counts),
            "expires_at": receipt.expires_at,
            "bundles": going.bundles,
            "digest": going.digest(),
        }
        run.trail.record("seed_completed", invoker=run.caller.invoker, outputs=outputs)
        run.trail.record("catalog_recorded", invoker=run.caller.invoker, outputs={"status": "ready"})
        try:
            await self._services.log.append(run.trail.unstored())
        except TrailConflict:
            trail = await self._services.log.read(run.id)
            if trail is None or run_status(trail.events) != "ready":
                raise SeedFailed("the run was taken for dead, and rolled back; ask again", run_id=run.id) from None
            return trail
        run.trail.mark_stored()
        return run.trail

    async def _follow_elsewhere(self, run_id: str) -> AsyncIterator[VolumeProgress]:
        """What store and trail tell of a volume that another process makes, or has made."""
        while True:
            trail, row = await asyncio.gather(self._services.log.read(run_id), self._services.catalog.find(run_id))
            if row is None or row.scenario_id != SCENARIO:
                raise RunNotFound(f"no volume {run_id!r}; GET /catalog/runs?scenario=volume lists them", run_id=run_id)
            if trail is not None:
                yield end_of(row, trail)
                return
            yield VolumeProgress(test_run_id=run_id, status="open")
            await asyncio.sleep(POLL)


def _volume(request: VolumeRequest, pack: Pack, run: Run) -> Volume:
    for scenario in request.mix:
        pack.scenario(scenario)
    return Volume(
        domain=pack.name,
        pack_version=pack.version,
        mix=request.mix,
        count=request.count,
        shard_size=SHARD_SIZE,
        seed=derive_seed(run.id) if request.seed is None else request.seed,
        as_of=run.as_of,
        run_id=run.id,
    )


def _accepted(run: Run, volume: Volume, status: RunStatus) -> VolumeAccepted:
    return VolumeAccepted(
        request_id=run.request_id,
        test_run_id=run.id,
        status=status,
        count=volume.count,
        seed=volume.seed,
        as_of=run.as_of,
        events=f"/test-data/volumes/{run.id}/events",
        cleanup=Cleanup(run.token, f"/test-data/runs/{run.id}/reset"),
    )


def _plan(pack: Pack, volume: Volume, run: Run) -> Plan:
    """No steps of its own: each scenario of the mixture has its."""
    validators = dict.fromkeys(name for scenario in volume.mix for name in pack.scenario(scenario).validators)
    return Plan(
        domain=pack.name,
        pack_version=pack.version,
        scenario_id=SCENARIO,
        planner_mode="mix",
        seed=volume.seed,
        as_of=volume.as_of,
        constraints=run.request.constraints,
        steps=(),
        validators=tuple(validators),
    )


async def _groups(
    shards: AsyncIterator[ShardRows], going: Going
) -> AsyncIterator[Iterator[tuple[str, pa.RecordBatch]]]:
    async for shard in shards:
        yield _counted(shard, going)
        going.sent(shard)


def _counted(shard: ShardRows, going: Going) -> Iterator[tuple[str, pa.RecordBatch]]:
    for name, batch in shard.batches():
        yield name, batch
        going.rows += batch.num_rows
