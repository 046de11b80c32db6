"""How the trail of a strategy reads: which strategy it was, and how far it came."""

from collections.abc import Sequence

from atdm_core.strategy_trail import STRATEGY
from atdm_core.values import Event

__all__ = ["ending", "strategy_name"]


def strategy_name(run_id: str) -> str | None:
    """The strategy that this is an audit run of; None for a run."""
    if not run_id.startswith(STRATEGY):
        return None
    return run_id.removeprefix(STRATEGY).rpartition("-")[0]


def ending(events: Sequence[Event]) -> str:
    """`completed`, `failed` or `started`."""
    return events[-1].action.rpartition("_")[2]
