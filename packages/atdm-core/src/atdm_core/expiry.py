"""The time of a run: how it is extended, and how a run whose time is up is taken back."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from atdm_core.audit import Mark, Trail, run_status
from atdm_core.catalog import expiry_of
from atdm_core.errors import ResetFailed, RunGone
from atdm_core.ids import check_id
from atdm_core.protocols import AuditLog, Services
from atdm_core.reset import GONE, authorize, residue_of
from atdm_core.run_events import append_events
from atdm_core.values import Deletion

__all__ = ["EXTENDED", "EXTENDING", "REAPER", "Reaper", "expire", "extend", "settle_extension"]

REAPER = "atdm:reaper"
"""The invoker of expiries."""
EXTENDING = "extending"
"""The state of the mark that an extension opens."""
EXTENDED = "extended"
"""The state of the mark that closes it, whatever came of it."""
AT_ONCE = 100  # runs that one round takes back


class Reaper:
    """Takes back the runs whose time is up. Any number of processes may have one; the target lets one win each run."""

    def __init__(self, services: Services, report: Callable[[str, Exception], None]) -> None:
        """`report` is told of every run that could not be taken back, and why; the next round tries again."""
        self._services = services
        self._report = report
        self._stuck: set[str] = set()

    async def sweep(self) -> None:
        """One round. A `TargetError` when the target cannot be asked."""
        # The longest overdue are told first: those that cannot be taken back must not keep the others from it.
        overdue = await self._services.target.expired(AT_ONCE + len(self._stuck))
        stuck, self._stuck = self._stuck, set()
        for run_id in sorted(overdue, key=lambda run_id: run_id in stuck)[:AT_ONCE]:
            try:
                await self._expire(run_id, again=run_id in stuck)
            except Exception as error:  # noqa: BLE001 - whatever it was, it must not save the others
                self._stuck.add(run_id)
                self._report(run_id, error)
        self._stuck |= stuck.intersection(overdue[AT_ONCE:])

    async def _expire(self, run_id: str, *, again: bool) -> None:
        """`again`: this process has tried before, and does not know what came of it."""
        trail = await self._services.log.read(run_id)
        if trail is None or run_status(trail.events) != "ready":
            return  # not decided yet, not ours, or Recovery's to wipe
        mark = Mark(kind="open", run_id=run_id, at=self._services.clock(), invoker=REAPER, state="expiring")
        await self._services.log.note(mark)
        await expire(self._services, trail, again=again)


async def expire(services: Services, trail: Trail, *, again: bool = False) -> None:
    """Have the target delete the rows of a ready run if its time is up, record it, and close its mark.

    Rows that are gone already are left to be recorded by whoever deleted them, who knows what they were; `again`:
    that one has died, or was this process, and has heard no answer.
    """
    run_id = trail.run_id
    try:
        deletion = await services.target.expire(run_id)
    except ResetFailed:  # nothing was deleted; the next round tries again, under a mark of its own
        await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state="kept"))
        raise
    state, head = "kept", None
    if deletion is not None and (again or deletion.previous_state == "seeded"):
        deletion = msgspec.structs.replace(deletion, residue=residue_of(trail, deletion))
        done = await append_events(services.log, run_id, lambda t: _record(t, deletion), trail)
        state, head = "expired", done and done.head.hex()
    await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state=state, head=head))


async def extend(services: Services, run_id: str, token: str, ttl_seconds: int, invoker: str) -> datetime:
    """Let a run live `ttl_seconds` from now; when that is over, by the target's clock.

    `RunNotFound`; `TokenMismatch`: recorded; `RunGone` when it has been taken back; a `TargetError`.
    """
    trail = await authorize(services, check_id(run_id), token, invoker, action="extend")
    if (status := run_status(trail.events)) != "ready":
        raise RunGone(f"run {run_id} is {status} and cannot be extended; ask for the data again", run_id=run_id)
    mark = Mark(kind="open", run_id=run_id, at=services.clock(), invoker=invoker, state=EXTENDING)
    await services.log.note(mark)
    try:
        expires_at = await services.target.extend(run_id, ttl_seconds)
    except RunGone:
        await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state=EXTENDED))
        raise
    recorded = await _record_extension(services.log, trail, expires_at, invoker, ttl_seconds=ttl_seconds)
    if recorded is not None and recorded is not trail:
        # Others wrote to the trail meanwhile. If they extended the run as well, the target knows who did so last.
        await settle_extension(services, recorded, invoker)
    await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state=EXTENDED))
    return expires_at


async def settle_extension(services: Services, trail: Trail, invoker: str) -> None:
    """Record the time that a run has by the target's ledger, where the trail tells of another."""
    entry = await services.target.describe(trail.run_id)
    if entry is not None and entry.state == "seeded" and entry.expires_at is not None:
        await _record_extension(services.log, trail, entry.expires_at, invoker)


async def _record_extension(
    log: AuditLog, trail: Trail, expires_at: datetime, invoker: str, **inputs: int
) -> Trail | None:
    """Record the time that a run has, unless the trail tells it; the trail, which is another where others wrote."""

    def record(trail: Trail) -> bool:
        if expiry_of(trail.events) == expires_at:
            return False
        trail.record("ttl_extended", invoker=invoker, inputs=inputs, outputs={"expires_at": expires_at})
        return True

    return await append_events(log, trail.run_id, record, trail)


def _record(trail: Trail, deletion: Deletion) -> bool:
    if run_status(trail.events) in GONE:
        return False
    outputs = {"deleted_counts": dict(deletion.deleted_counts), "residue": msgspec.to_builtins(deletion.residue)}
    trail.record("run_expired", invoker=REAPER, status="expired", outputs=outputs, tools_called=["target.expire"])
    return True
