"""The trail of a strategy that works on the whole database: an audit run of its own, started and ended.

As a run does, it stands open in the process log while it works. When its process dies, or does not hear what the target
did, recovery finds out, records it, and tells the runs that were taken back.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from atdm_core.audit import Mark, Trail
from atdm_core.errors import AtdmError, TargetUnreachable
from atdm_core.ids import new_id
from atdm_core.protocols import AuditLog, Order, Services
from atdm_core.pulse import kept_alive
from atdm_core.run_events import append_events
from atdm_core.taken_back import record_all_taken_back
from atdm_core.values import Event

__all__ = ["CARRYING_OUT", "ENDED", "STRATEGY", "StrategyTrail", "end_strategy", "recorded", "started_last"]

STRATEGY: Final = "strategy-"
"""What the id of a strategy's audit run begins with; its name and a ULID follow."""
CARRYING_OUT: Final = "carrying_out"
"""The state of the mark that a strategy opens."""
ENDED: Final = "ended"
"""The state of the mark that closes it, once every run that it took back says so."""


class StrategyTrail:
    """What a strategy tells its trail while it works: `outputs` go into the event that ends it."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.outputs: dict[str, Any] = {}


def started_last(run_ids: Iterable[str], count: int) -> list[str]:
    """Those of the ids that are of strategies, newest first, `count` at most."""
    strategies = [run_id for run_id in run_ids if run_id.startswith(STRATEGY)]
    return sorted(strategies, key=lambda run_id: run_id.rpartition("-")[2], reverse=True)[:count]


@asynccontextmanager
async def recorded(
    services: Services, strategy: str, event: str, order: Order, tools: tuple[str, ...]
) -> AsyncGenerator[StrategyTrail]:
    """Record `<event>_started` before the block, and `<event>_completed` or `<event>_failed` after it.

    The first is durable before anything is touched. Errors of the block get the id of the audit run.
    """
    strategy_trail = StrategyTrail(f"{STRATEGY}{strategy}-{new_id()}")
    trail = Trail(strategy_trail.run_id, services.clock)
    trail.record(f"{event}_started", invoker=order.invoker, inputs=dict(order.options), tools_called=tools)
    await _open(services, trail, order.invoker)
    try:
        async with kept_alive(services, lambda: _mark(services, trail, order.invoker)):
            yield strategy_trail
    except BaseException as error:  # a cancelled request is recorded too
        await asyncio.shield(_fail(services, trail, event, order.invoker, error))
        if isinstance(error, AtdmError):
            error.run_id = strategy_trail.run_id
        raise
    await _end(services.log, trail, f"{event}_completed", order.invoker, outputs=strategy_trail.outputs)
    if await record_all_taken_back(services, trail.run_id, order.invoker):  # else recovery goes on with it
        await _close(services, trail)


async def end_strategy(services: Services, trail: Trail, invoker: str) -> None:
    """Record how a strategy ended whose process does not say: as it was carried out, or never will be."""
    event = trail.events[0].action.removesuffix("_started")
    if _tells(trail.events, f"{event}_completed"):
        return
    await services.target.delete(trail.run_id)  # which does nothing but keep the target from doing it later
    entry = await services.target.describe(trail.run_id)
    carried_out = entry is not None and entry.taken_back_by == trail.run_id
    carried_out = carried_out or any(kept.audit_run_id == trail.run_id for kept in await services.baselines.manifests())
    if carried_out:
        told = {"told_by": "the target" if entry and entry.taken_back_by else "the store"}
        await _end(services.log, trail, f"{event}_completed", invoker, outputs=told)
    else:
        cause = {"code": "SERVER_DIED", "message": "the server that was asked did not do it in time, and never will"}
        await _end(services.log, trail, f"{event}_failed", invoker, status="failed", outputs={"error": cause})


async def _open(services: Services, trail: Trail, invoker: str) -> None:
    """Store the mark, then the start: where only the first is there, recovery stores the second, and its end."""
    await services.log.note(_mark(services, trail, invoker))
    await services.log.append(trail.unstored())
    trail.mark_stored()


async def _fail(services: Services, trail: Trail, event: str, invoker: str, error: BaseException) -> None:
    outputs = {"error": _told(error)}
    await _end(services.log, trail, f"{event}_failed", invoker, status="failed", outputs=outputs)
    if isinstance(error, Exception) and not isinstance(error, TargetUnreachable):
        await _close(services, trail)  # else nobody knows what the target did, and recovery finds out


async def _end(log: AuditLog, trail: Trail, action: str, invoker: str, **event: Any) -> None:
    """Append the event that ends the trail, unless somebody has told the same, or that it was carried out."""
    completed = action.replace("_failed", "_completed")

    def record(trail: Trail) -> bool:
        if _tells(trail.events, action) or _tells(trail.events, completed):
            return False
        trail.record(action, invoker=invoker, **event)
        return True

    await append_events(log, trail.run_id, record, trail)


async def _close(services: Services, trail: Trail) -> None:
    await services.log.note(Mark(kind="close", run_id=trail.run_id, at=services.clock(), state=ENDED))


def _mark(services: Services, trail: Trail, invoker: str) -> Mark:
    return Mark(
        kind="open",
        run_id=trail.run_id,
        at=services.clock(),
        invoker=invoker,
        state=CARRYING_OUT,
        bodies=tuple(entry.body.decode() for entry in trail.entries),
    )


def _tells(events: Sequence[Event], action: str) -> bool:
    return any(event.action == action for event in events)


def _told(error: BaseException) -> Mapping[str, Any]:
    if isinstance(error, AtdmError):
        return {"code": error.code, "message": error.message}
    return {"code": "INTERNAL_ERROR", "message": type(error).__name__}
