"""Runs that a strategy on the whole database took back: each of their trails says so."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from operator import itemgetter
from typing import Final

from atdm_core.audit import Trail, run_status
from atdm_core.errors import AtdmError
from atdm_core.protocols import Services
from atdm_core.run_events import append_events
from atdm_core.side_by_side import side_by_side

__all__ = ["record_all_taken_back", "record_taken_back"]

PAGE: Final = 200  # runs that are asked for at once
PATIENCE: Final = 2.0  # seconds that a strategy takes to tell its runs before it answers; recovery tells the rest


async def record_all_taken_back(services: Services, by: str, invoker: str) -> bool:
    """Record at every run that the strategy took back that it did; whether none is left, for there is not much time."""
    place, done = "", False
    with suppress(TimeoutError, AtdmError):
        async with asyncio.timeout(PATIENCE):
            while not done:
                before = place
                place, done = await record_taken_back(services, by, invoker, place)
                if place == before:
                    break
    return done


async def record_taken_back(
    services: Services, by: str, invoker: str, after: str, is_open: Callable[[str], bool] = lambda _: True
) -> tuple[str, bool]:
    """Record it at a page of the runs; where to go on, and whether it was the last page.

    `is_open`: whether a run without a trail is one that will get it; otherwise it is of another store.
    """
    page = await services.database.taken_back(by, after, PAGE)
    told = await side_by_side(lambda run_id: _tell(services, run_id, by, invoker, is_open), page)
    passed = [run_id for run_id, _ in takewhile(itemgetter(1), zip(page, told, strict=True))]
    return passed[-1] if passed else after, len(passed) == len(page) < PAGE


async def _tell(services: Services, run_id: str, by: str, invoker: str, is_open: Callable[[str], bool]) -> bool:
    """Whether the run's trail says how it ended; False where there is no trail yet."""
    trail = await services.log.read(run_id)
    if trail is None:
        return not is_open(run_id)
    await append_events(services.log, run_id, lambda trail: _record(trail, by, invoker), trail)
    return True


def _record(trail: Trail, by: str, invoker: str) -> bool:
    if run_status(trail.events) != "ready":
        return False
    outputs = {"strategy": by.partition("-")[2].rpartition("-")[0], "audit_run_id": by}
    trail.record("reset_completed", invoker=invoker, status="cleaned", outputs=outputs)
    return True
