"""A run that one process carries on while another takes it for dead."""

import asyncio

from atdm_core.recovery import GRACE
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import PATIENT


async def test_recovery_that_loses_leaves_the_answer_alone(house: House) -> None:
    """A recoverer that is overtaken by a retry stores no row in its place, so that the answer can be given again."""
    await house.dies("catalog.record", "before", house.ask("key"))
    recoverer, retried = house.neighbour(), house.neighbour()
    await recoverer.sweep()
    held, go = recoverer.weather.holds("log.append", "before")
    sweep = asyncio.create_task(recoverer.sweep(after=GRACE))
    await asyncio.wait_for(held.wait(), PATIENT)
    outcome = await retried.ask("key")
    go.set()
    await sweep
    assert await house.neighbour().ask("key") == outcome
    assert await retried.status(outcome.test_run_id) == "ready"
