"""A run that one process carries on while another takes it for dead."""

import asyncio

from atdm_core.recovery import GRACE
from tests.unit.atdm_core.house import House


async def test_recovery_that_loses_leaves_the_answer_alone(house: House) -> None:
    """A recoverer that is overtaken by a retry stores no row in its place, so that the answer can be given again."""
    await house.dies("claims.claim", "after", house.ask("key"))
    recoverer, retried = house.neighbour(), house.neighbour()
    await recoverer.sweep()
    held, go = recoverer.weather.holds("log.append", "before")
    sweep = asyncio.create_task(recoverer.sweep(after=GRACE))
    await held.wait()
    outcome = await retried.ask("key")
    go.set()
    await sweep
    assert await house.neighbour().ask("key") == outcome
    assert await house.status(outcome.test_run_id) == "ready"
