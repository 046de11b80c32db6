"""Recovery: what becomes of the runs that somebody began and did not end. Decide, then wipe, then record.

A run that touches the target has an `open` mark first, and a `close` mark when it is settled. Every process reads the
marks of all; a run that has stood open for longer than any request may take is settled by whoever sees it first, and
by several at once without harm: the decision is an object that only one of them creates, and the target deletes a run
as often as it is asked to.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import takewhile
from operator import itemgetter
from typing import Final

from msgspec import Struct

from atdm_core.audit import Mark, Trail, run_status
from atdm_core.catalog import catalog_row
from atdm_core.errors import RunNotFound, TargetUnreachable, TrailBroken, TrailConflict
from atdm_core.expiry import EXTENDED, EXTENDING, expire, settle_extension
from atdm_core.protocols import Services
from atdm_core.reset import GONE, finish_reset, start_reset
from atdm_core.run_events import append_events
from atdm_core.side_by_side import side_by_side
from atdm_core.strategy_trail import CARRYING_OUT, ENDED, end_strategy
from atdm_core.taken_back import record_taken_back
from atdm_core.values import CatalogRow, Deletion

__all__ = ["GRACE", "PATIENCE", "RECOVERER", "Recovery"]

GRACE: Final = 45.0  # seconds that a run may stand open; longer than any request takes
PATIENCE: Final = 2.0  # seconds that a failed request waits for its own undoing before it answers
LEDGER_PAGE: Final = 500  # runs of the target's ledger that one round looks at
RETIRE_AFTER: Final = 2 * 3600.0  # seconds that a log must be known; no process writes to one for longer than an hour
RECOVERER: Final = "atdm:recovery"
"""The invoker of what is recorded for a process that died."""


class _Unsettled(Struct):
    """Work on a run that nobody has ended: its mark, the log that has it, and since when we know (monotonic)."""

    mark: Mark
    log_id: str
    since: float


class _Abandoned(Struct):
    """A run that this process is to undo: the trail that ends in the failure, its row, whether it has a key."""

    trail: Trail
    row: CatalogRow
    keyed: bool


class _Stranger(Struct):
    """A run in the ledger that nobody knows: since when (monotonic), and whether it has been reported."""

    since: float
    reported: bool = False


class Recovery:
    """Settles runs. One for each process; it keeps in memory what it has read of the logs, and nothing else."""

    def __init__(
        self,
        services: Services,
        report: Callable[[str, Exception], None],
        *,
        grace: float = GRACE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report` is told of every attempt that failed, with the run's id; the next round tries again.

        Ages are counted from when this process first saw a mark, so that no wrong clock takes a live run for dead.
        """
        self._services = services
        self._report = report
        self._grace = grace
        self._monotonic = monotonic
        self._seen: Mapping[str, int] = {}
        self._logs: dict[str, float] = {}
        self._unsettled: dict[str, list[_Unsettled]] = {}
        self._abandoned: dict[str, _Abandoned] = {}
        self._ready: set[str] = set()
        self._strangers: dict[str, _Stranger] = {}
        self._ledger_place = ""
        self._undoing: dict[str, asyncio.Task[None]] = {}
        self._told_until: dict[str, str] = {}

    @property
    def overdue(self) -> int:
        """The number of runs and strategies that stand open for longer than they may, or wait for their undoing."""
        due = self._monotonic() - self._grace
        left = {run_id for run_id, works in self._unsettled.items() if any(work.since <= due for work in works)}
        return len(left | self._abandoned.keys())

    async def undo(self, trail: Trail, row: CatalogRow, *, keyed: bool = False) -> None:
        """Roll back the run whose trail ends in its failure: now, if store and target let us, else in a later round.

        `keyed`: the request has an idempotency key, so that others may have ended the run, and answered with it.
        """
        run_id = trail.run_id
        self._abandoned[run_id] = _Abandoned(trail, row, keyed)
        task = self._undoing.get(run_id)
        if task is None:
            task = self._undoing[run_id] = asyncio.create_task(self._settle_abandoned(run_id))
            task.add_done_callback(lambda _: self._undoing.pop(run_id))
        await asyncio.wait([task], timeout=PATIENCE)

    async def sweep(self) -> None:
        """One round: what this process owes, what others left, and what the target holds that no trail accounts for.

        Raises a `StoreError` or `TargetError` when logs or ledger cannot be read; runs that fail alone are reported.
        """
        owed = [run_id for run_id in self._abandoned if run_id not in self._undoing]
        await side_by_side(self._settle_abandoned, owed)
        await self._follow()
        due = self._monotonic() - self._grace
        left = [work for works in self._unsettled.values() for work in works if work.since <= due]
        await side_by_side(lambda work: self._attempt(work.mark.run_id, self._settle(work)), left)
        await self._retire()
        await self._reconcile()

    async def draft(self, run_id: str) -> Trail | None:
        """The trail so far of a run that some process began to seed and nobody has ended; None: there is none."""
        news = await self._services.log.marks(self._seen)
        known = [work.mark for work in self._unsettled.get(run_id, ()) if _is_seeding(work)]
        new = [mark for _, mark in news.marks if (mark.run_id, mark.kind, mark.state) == (run_id, "open", "seeding")]
        mark = next(iter([*known, *new]), None)
        return mark and Trail.resumed(run_id, mark.bodies, self._services.clock)

    async def close(self) -> int:
        """Give up what is still to be undone (the process log has it as open); how many events were never stored."""
        given_up = list(self._undoing.values())
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        return sum(len(abandoned.trail.unstored().entries) for abandoned in self._abandoned.values())

    async def _attempt(self, run_id: str, work: Awaitable[None]) -> bool:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others must be settled
            self._report(run_id, error)
            return False
        return True

    async def _settle_abandoned(self, run_id: str) -> None:
        abandoned = self._abandoned.get(run_id)
        if abandoned and await self._attempt(run_id, self._roll_back(abandoned)):
            self._abandoned.pop(run_id, None)

    async def _roll_back(self, abandoned: _Abandoned) -> None:
        """Undo a run of this process, whose caller is told that it failed.

        A record that it is ready may stand all the same: it reached the store and the answer was lost, or another
        process carried the run on. Where there is a key, somebody may have been answered with it: the run stays, and
        who sends the request again is answered. Where there is none, nobody can: its rows go the ordinary way.
        """
        trail = await self._decide(abandoned.trail)
        await self._services.catalog.record(abandoned.row)
        if run_status(trail.events) != "ready" or abandoned.keyed:
            await self._finish_rollback(trail)
            return
        invoker = abandoned.row.invoker
        started = trail if _is_being_reset(trail) else await start_reset(self._services, trail, invoker)
        if started is not None:
            await finish_reset(self._services, started, invoker)

    async def _decide(self, draft: Trail) -> Trail:
        """The trail as it is decided, by the draft or by somebody who was quicker."""
        if not draft.is_decided:
            try:
                await self._services.log.append(draft.unstored())
            except TrailConflict:
                return await self._trail(draft.run_id)
            draft.mark_stored()
        return draft

    async def _finish_rollback(self, trail: Trail) -> None:
        """Delete the rows of a run that is decided to be rolled back, record it; close the mark of any decided run."""
        if run_status(trail.events) == "rolled_back" and not _is_wiped(trail):
            deletion = await self._services.target.delete(trail.run_id)
            await append_events(self._services.log, trail.run_id, lambda t: _record_rollback(t, deletion), trail)
        await self._close(trail, run_status(trail.events))

    async def _follow(self) -> None:
        """Read what is new in the logs of all processes."""
        news = await self._services.log.marks(self._seen)
        now = self._monotonic()
        for log_id, mark in news.marks:
            if mark.kind == "open":
                self._begin(_Unsettled(mark, log_id, now))
            elif mark.state == EXTENDED:
                self._end(mark.run_id, lambda work, log_id=log_id: work.log_id == log_id and _is_extending(work))
            elif mark.state == "kept":  # what was begun in its own log before; something may have begun after
                self._end(mark.run_id, lambda work, log_id=log_id: work.log_id == log_id and not _is_seeding(work))
            elif mark.state == "ready":
                self._ready.add(mark.run_id)
        # A run may be opened in one log and closed in another, and those are read in any order: opens came first.
        for _, mark in news.marks:
            if mark.kind == "close" and mark.state not in ("kept", EXTENDED):
                self._closed(mark)
        self._seen = news.seen
        for log_id in news.seen:
            self._logs.setdefault(log_id, now)

    def _begin(self, work: _Unsettled) -> None:
        """Remember the work. Who says again that the same has begun is alive: the patience with it begins anew."""
        works = self._unsettled.setdefault(work.mark.run_id, [])
        same = [other for other in works if other.mark.state == work.mark.state]
        for other in same:
            other.since = work.since
        if not any(other.log_id == work.log_id for other in same):  # to settle it once for each log is enough
            works.append(work)

    def _closed(self, mark: Mark) -> None:
        """Forget the work that is ended by a mark of what a run finally is, whoever began it.

        A seed whose run has been taken back meanwhile still wants its row, so that only its own kinds of end end it.
        """
        if mark.state != "ready":
            self._ready.discard(mark.run_id)
        if mark.state == ENDED:
            self._end(mark.run_id, lambda _: True)
        elif mark.state in GONE:
            self._end(mark.run_id, lambda work: not _is_seeding(work))
        else:
            self._end(mark.run_id, _is_seeding)

    def _end(self, run_id: str, is_ended: Callable[[_Unsettled], bool]) -> None:
        left = [work for work in self._unsettled.pop(run_id, ()) if not is_ended(work)]
        if left:
            self._unsettled[run_id] = left

    async def _settle(self, work: _Unsettled) -> None:
        """End what a process began that seems to have died."""
        if work.mark.state == CARRYING_OUT:
            await self._settle_strategy(work.mark)
        elif _is_extending(work):
            await self._settle_extension(work)
        else:
            await self._settle_run(work)

    async def _settle_strategy(self, mark: Mark) -> None:
        by = mark.run_id
        drafted = Trail.resumed(by, mark.bodies, self._services.clock)
        trail = await self._services.log.read(by) or await self._decide(drafted)
        await end_strategy(self._services, trail, RECOVERER)
        place, done = await record_taken_back(
            self._services, by, trail.events[0].invoker, self._told_until.get(by, ""), self._is_open
        )
        self._told_until[by] = place
        if done:
            del self._told_until[by]
            await self._close(trail, ENDED)
            self._end(by, lambda _: True)

    async def _settle_extension(self, work: _Unsettled) -> None:
        """Record the time that a run has, which the target was given by a process that never said so."""
        run_id = work.mark.run_id
        trail = await self._trail(run_id)
        await settle_extension(self._services, trail, RECOVERER)
        await self._close(trail, EXTENDED)
        self._end(run_id, lambda other: other is work)

    def _is_open(self, run_id: str) -> bool:
        return run_id in self._unsettled or run_id in self._abandoned

    async def _settle_run(self, work: _Unsettled) -> None:
        trail = await self._services.log.read(work.mark.run_id)
        if _is_seeding(work):
            trail = trail or await self._decide(self._draft(work.mark))
            # Where the process got to its row, that stands, with the answer that it was about to give.
            await self._services.catalog.record(catalog_row(trail, work.mark.token_sha256 or ""))
        if trail is None:
            raise RunNotFound(
                f"run {work.mark.run_id} was being taken back, and has no record", run_id=work.mark.run_id
            )
        status = run_status(trail.events)
        if _is_seeding(work) and status in GONE:
            await self._close(trail, "ready")
        elif status == "ready" and work.mark.state == "resetting" and _is_being_reset(trail):
            await finish_reset(self._services, trail, RECOVERER)
        elif status == "ready" and work.mark.state == "expiring":
            await expire(self._services, trail, again=True)
        else:
            await self._finish_rollback(trail)
        self._end(work.mark.run_id, lambda other: other is work)

    def _draft(self, mark: Mark) -> Trail:
        """The trail of the dead process so far, and its end."""
        trail = Trail.resumed(mark.run_id, mark.bodies, self._services.clock)
        cause = {"code": "SERVER_DIED", "message": "the server that served this request did not end it in time"}
        trail.record("seed_failed", invoker=RECOVERER, status="rolled_back", outputs={"error": cause})
        return trail

    async def _reconcile(self) -> None:
        """Compare the target's ledger with the trails, a page each round: what no trail keeps is deleted."""
        page = await self._services.target.seeded(self._ledger_place, LEDGER_PAGE)
        accounted = await side_by_side(self._account_for, page)
        passed = [run_id for run_id, _ in takewhile(itemgetter(1), zip(page, accounted, strict=True))]
        place = self._ledger_place = passed[-1] if passed else self._ledger_place
        left = {run_id for run_id in page if run_id > place}
        end = page[-1] if len(page) == LEDGER_PAGE else None
        self._ready = {run_id for run_id in self._ready if run_id in left or (end is not None and run_id > end)}
        self._strangers = {run_id: stranger for run_id, stranger in self._strangers.items() if run_id in left}

    async def _account_for(self, run_id: str) -> bool:
        """Whether the run may stay as it is in the ledger. A run that no trail and no mark knows is only reported."""
        if run_id in self._ready:
            return True
        if self._is_open(run_id):
            return False
        try:
            trail = await self._services.log.read(run_id)
        except TrailBroken as error:  # nobody can say what this run is; the others wait behind it
            self._report(run_id, error)
            return True
        if trail is None:
            return self._is_told_of(run_id)
        return run_status(trail.events) == "ready" or await self._attempt(run_id, self._delete(run_id))

    def _is_told_of(self, run_id: str) -> bool:
        """Whether a run that nobody knows has been reported, which it is once, when its record had time to appear."""
        stranger = self._strangers.setdefault(run_id, _Stranger(self._monotonic()))
        if not stranger.reported and self._monotonic() - stranger.since >= self._grace:
            unknown = f"the target holds rows of run {run_id}, which this store knows nothing of"
            self._report(run_id, RunNotFound(unknown, run_id=run_id))
            stranger.reported = True
        return stranger.reported

    async def _delete(self, run_id: str) -> None:
        await self._services.target.delete(run_id)

    async def _retire(self) -> None:
        """Leave out logs that have ended and hold no open run, so that a restart need not read them."""
        busy = {work.log_id for works in self._unsettled.values() for work in works}
        ended = self._monotonic() - RETIRE_AFTER
        for log_id in [log_id for log_id, since in self._logs.items() if since <= ended and log_id not in busy]:
            await self._services.log.retire(log_id)
            del self._logs[log_id]

    async def _close(self, trail: Trail, state: str | None) -> None:
        head = trail.head.hex()
        at = self._services.clock()
        await self._services.log.note(Mark(kind="close", run_id=trail.run_id, at=at, state=state, head=head))

    async def _trail(self, run_id: str) -> Trail:
        trail = await self._services.log.read(run_id)
        if trail is None:
            raise RunNotFound(f"the store says that run {run_id} is decided, and does not have it", run_id=run_id)
        return trail


def _is_seeding(work: _Unsettled) -> bool:
    return work.mark.state == "seeding"


def _is_extending(work: _Unsettled) -> bool:
    return work.mark.state == EXTENDING


def _is_wiped(trail: Trail) -> bool:
    return any(event.action == "rollback_completed" for event in trail.events)


def _is_being_reset(trail: Trail) -> bool:
    """Whether a reset was begun and has not ended: not even in a refusal, which an answer that was lost is not."""
    resets = ("reset_started", "reset_completed", "reset_failed")
    last = next((event for event in reversed(trail.events) if event.action in resets), None)
    if last is None or last.action == "reset_completed":
        return False
    return last.action == "reset_started" or last.outputs["error"]["code"] == TargetUnreachable.code


def _record_rollback(trail: Trail, deletion: Deletion) -> bool:
    if _is_wiped(trail):
        return False
    outputs = {"deleted_counts": dict(deletion.deleted_counts)}
    trail.record(
        "rollback_completed", invoker=RECOVERER, status="rolled_back", outputs=outputs, tools_called=["target.delete"]
    )
    return True
