"""Bugs that the simulation must find: each is one part of the design, done as somebody in a hurry would do it."""

from typing import Any, Final

import msgspec

from atdm_core import Outcome, Request
from atdm_core.audit import Mark, Trail, run_status
from atdm_core.errors import TargetError, TrailConflict
from atdm_core.run import Run
from atdm_core.run_events import append_events
from atdm_core.testing import MemoryTarget
from atdm_core.values import Bundle, Caller, CatalogRow, Claim, Deletion
from tests.faults.simulation.bucket import Bucket, BucketStore
from tests.faults.simulation.servers import Design, SimulatedEngine, SimulatedRecovery

__all__ = ["PLANTED_BUGS"]


class WipesFirst(SimulatedRecovery):
    """Deletes the rows of a run, and decides afterwards what became of it."""

    async def _decide(self, draft: Trail) -> Trail:
        await self._services.target.delete(draft.run_id)
        return await super()._decide(draft)


class TakesConflictForRollback(SimulatedRecovery):
    """Takes a run object that exists for a rollback, without a look at it."""

    async def _decide(self, draft: Trail) -> Trail:
        try:
            await self._services.log.append(draft.unstored())
        except TrailConflict:
            await self._services.target.delete(draft.run_id)
            return await self._trail(draft.run_id)
        draft.mark_stored()
        return draft


class WithoutToken(SimulatedRecovery):
    """Records a run without the hash of its token, which is in the open mark."""

    def _begin(self, work: Any) -> None:
        mark = msgspec.structs.replace(work.mark, token_sha256="")
        super()._begin(msgspec.structs.replace(work, mark=mark))


class KeepsWithoutRow(SimulatedRecovery):
    """Keeps a run whose record stands, and does not look whether its row does."""

    async def _settle(self, work: Any) -> None:
        trail = await self._services.log.read(work.mark.run_id)
        if trail is None or run_status(trail.events) != "ready" or work.mark.state != "seeding":
            await super()._settle(work)
            return
        await self._finish_rollback(trail)
        self._end(work.mark.run_id, lambda other: other is work)


class UndoesWithKey(SimulatedRecovery):
    """Takes back a run whose answer was lost, also where a retry may have been answered with it."""

    async def undo(self, trail: Trail, row: CatalogRow, *, keyed: bool = False) -> None:
        """See `Recovery.undo`."""
        await super().undo(trail, row, keyed=False)


class ClosesFirst(SimulatedEngine):
    """Says that a run is ready, and makes it so afterwards."""

    async def _decided(self, run: Run, outcome: Outcome) -> Outcome:
        await self._log.note(run.mark("close", "ready"))
        return await super()._decided(run, outcome)


class TakesOverAnew(SimulatedEngine):
    """Carries on the request of a dead process as a new run."""

    async def _repeated(self, request: Request, caller: Caller, claim: Claim) -> Outcome:
        if await self._log.read(claim.run_id) is not None:
            return await super()._repeated(request, caller, claim)
        run = Run(request, caller, self._server_key, self._clock)
        bundle = await self._made(run)
        run.seeding(bundle)
        await self._log.note(run.open_mark())
        return await self._served(run, bundle)


class SeedsUnannounced(SimulatedEngine):
    """Seeds without waiting for the open mark to be stored."""

    async def _opened(self, run: Run, bundle: Bundle) -> Claim | None:
        if run.caller.idempotency_key is not None:
            return await super()._opened(run, bundle)
        run.seeding(bundle)
        await self._target.seed(bundle, run.request.ttl_seconds)
        await self._log.note(run.open_mark())
        return None


class BelievesItsPut(BucketStore):
    """Takes every PUT that was answered for its own, as of a store that ignores If-None-Match in its answers."""

    async def create(self, key: str, data: bytes) -> bool:
        """See `ObjectStore.create`."""
        await self.put_if_absent(key, data)
        return True


class Overwrites(Bucket):
    """A store that ignores If-None-Match."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Bucket.put_if_absent`."""
        self.put(key, data)
        return True


class Unsynced(Bucket):
    """Answers before what it was given is on stable storage."""

    SYNC_AFTER: Final = 5.0

    def put(self, key: str, data: bytes) -> None:
        """See `Bucket.put`."""
        super().put(key, data)
        self._unsynced = {**getattr(self, "_unsynced", {}), key: self.loop.time()}

    def lose_power(self) -> None:
        """See `Bucket.lose_power`."""
        lost_since = self.loop.time() - self.SYNC_AFTER
        for key, since in getattr(self, "_unsynced", {}).items():
            if since > lost_since:
                self.objects.pop(key, None)


class NoTombstone(MemoryTarget):
    """Forgets a run when it is deleted, so that a late seed finds nothing in its way."""

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        deletion = await super().delete(run_id)
        self._ledger.pop(run_id, None)
        return deletion


class DeletesUnasked(MemoryTarget):
    """Deletes what is asked for, and the rows of another run."""

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        deletion = await super().delete(run_id)
        for rows in self.tables.values():
            key = next((key for key, row in rows.items() if row.get("test_run_id")), None)
            rows.pop(key, None)
        return deletion


class TakesAllBackAgain(MemoryTarget):
    """Does not remember who took all runs back, so that it is done once more when it comes twice or too late."""

    def _require_new(self, by: str, refusal: type[TargetError]) -> None:
        pass


class TakesStrategiesForFailed(SimulatedRecovery):
    """Takes a strategy whose process died for one that never came to anything."""

    async def _settle_strategy(self, mark: Mark) -> None:
        trail = await self._trail(mark.run_id)
        event = trail.events[0].action.replace("_started", "_failed")
        await append_events(self._services.log, mark.run_id, lambda t: bool(t.record(event, invoker="x")), trail)
        await self._close(trail, "ended")
        self._end(mark.run_id, lambda _: True)


PLANTED_BUGS: Final = {
    "wipes before it decides": Design(recovery=WipesFirst),
    "takes 'already exists' for a rollback": Design(recovery=TakesConflictForRollback),
    "takes 'already exists' for its own write": Design(store=BelievesItsPut),
    "a store that ignores If-None-Match": Design(bucket=Overwrites),
    "recovers without the token of the open mark": Design(recovery=WithoutToken),
    "keeps a run without its row": Design(recovery=KeepsWithoutRow),
    "undoes what a retry was answered with": Design(recovery=UndoesWithKey),
    "closes a run before it is decided": Design(engine=ClosesFirst),
    "takes over under a new run id": Design(engine=TakesOverAnew),
    "seeds before the open mark is stored": Design(engine=SeedsUnannounced),
    "does not sync": Design(bucket=Unsynced),
    "leaves no tombstone": Design(target=NoTombstone),
    "takes all runs back again": Design(target=TakesAllBackAgain),
    "takes a strategy that was cut off for failed": Design(recovery=TakesStrategiesForFailed),
    "deletes rows of others": Design(target=DeletesUnasked),
}
"""Designs with one bug each, by what is wrong with them."""
