"""The trail of a strategy that works on the whole database: an audit run of its own, started and ended."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from atdm_core.audit import Trail
from atdm_core.errors import AtdmError
from atdm_core.ids import new_id
from atdm_core.protocols import Order, Services

__all__ = ["STRATEGY", "StrategyTrail", "recorded", "started_last"]

STRATEGY: Final = "strategy-"
"""What the id of a strategy's audit run begins with; its name and a ULID follow."""


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
    await _store(services, trail)
    try:
        yield strategy_trail
    except BaseException as error:  # a cancelled request is recorded too
        outputs = {"error": _told(error)}
        trail.record(f"{event}_failed", invoker=order.invoker, status="failed", outputs=outputs)
        await asyncio.shield(_store(services, trail))
        if isinstance(error, AtdmError):
            error.run_id = strategy_trail.run_id
        raise
    trail.record(f"{event}_completed", invoker=order.invoker, outputs=strategy_trail.outputs)
    await _store(services, trail)


async def _store(services: Services, trail: Trail) -> None:
    await services.log.append(trail.unstored())
    trail.mark_stored()


def _told(error: BaseException) -> Mapping[str, Any]:
    if isinstance(error, AtdmError):
        return {"code": error.code, "message": error.message}
    return {"code": "INTERNAL_ERROR", "message": type(error).__name__}
