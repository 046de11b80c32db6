"""Undo: what happens to a run that failed after it was opened. Decide, then wipe, and do not give up."""

import asyncio
from collections.abc import Callable
from typing import Final

from atdm_core.audit import Mark, Trail
from atdm_core.errors import AtdmError, TrailConflict
from atdm_core.protocols import Services
from atdm_core.reset import wipe
from atdm_core.values import CatalogRow

__all__ = ["Undo"]

PATIENCE: Final = 2.0  # seconds that a request waits for its own undoing before it answers
FIRST_PAUSE: Final = 0.2  # seconds
LONGEST_PAUSE: Final = 5.0


class Undo:
    """Undoes runs, in the background where the target or the store is away, until each is done."""

    def __init__(self, services: Services, report: Callable[[str, AtdmError], None]) -> None:
        """`report` is told of every attempt that failed, with the run's id."""
        self._services = services
        self._report = report
        self._tasks: dict[asyncio.Task[None], Trail] = {}

    @property
    def pending(self) -> int:
        """The number of runs that are still to be undone."""
        return len(self._tasks)

    async def start(self, trail: Trail, row: CatalogRow) -> None:
        """Undo the run whose trail ends in its failure. Returns when that is done, or after a moment's patience."""
        task = asyncio.create_task(self._undo_until_done(trail, row))
        self._tasks[task] = trail
        task.add_done_callback(self._tasks.pop)
        await asyncio.wait([task], timeout=PATIENCE)

    async def close(self) -> int:
        """Give up what is still to be undone (the process log has it as open); how many events were never stored."""
        given_up = dict(self._tasks)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        return sum(len(trail.unstored().entries) for trail in given_up.values())

    async def _undo_until_done(self, trail: Trail, row: CatalogRow) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._undo(trail, row)
            except AtdmError as error:
                self._report(trail.run_id, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _undo(self, trail: Trail, row: CatalogRow) -> None:
        rolled_back = await self._decide(trail)
        await self._services.catalog.record(row)
        if not rolled_back:
            # The record of a ready run reached the store although its answer was lost: the rows go the ordinary way.
            await wipe(self._services, trail.run_id, row.invoker)
            return
        await self._services.target.delete(trail.run_id)
        await self._services.log.note(
            Mark(
                kind="close",
                run_id=trail.run_id,
                at=self._services.clock(),
                state="rolled_back",
                head=trail.head.hex(),
            )
        )

    async def _decide(self, trail: Trail) -> bool:
        """Whether the run object says that the run is rolled back."""
        part = trail.unstored()
        if part.version > 0:
            return True
        try:
            await self._services.log.append(part)
        except TrailConflict:
            stored = await self._services.log.read(trail.run_id)
            if stored is None or stored.head != trail.head:
                return False
        trail.mark_stored()
        return True
