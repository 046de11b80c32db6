"""A run that one process carries on while another takes it for dead."""

import asyncio

from atdm_core.recovery import GRACE
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import PATIENT


async def test_recovery_that_loses_leaves_the_answer_alone(house: House) -> None:
    """A recoverer that is overtaken by a retry stores no row in its place, so that the answer can be given again."""
    await house.dies("target.seed", "after", house.ask("key"))
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


async def test_recovery_between_record_and_row(house: House) -> None:
    """A recoverer that comes when a run is recorded and its row is still on the way changes no answer."""
    held, go = house.weather.holds("catalog.record", "before")
    first = asyncio.create_task(house.ask("key"))
    await asyncio.wait_for(held.wait(), PATIENT)
    recoverer = house.neighbour()
    await recoverer.recover()
    second = await recoverer.ask("key")
    go.set()
    assert await first == second
    assert await house.neighbour().ask("key") == second
    assert house.rows() == 2
    assert house.open_runs() == set()


async def test_run_that_expires_before_its_row_is_stored(house: House) -> None:
    """A run that was recorded without its row, and whose time is up before recovery's, still gets its row."""
    await house.dies("catalog.record", "before", house.ask("key", ttl_seconds=30))
    other = house.neighbour()
    await other.sweep()
    await other.sweep(after=31)
    run_id = house.only_run()
    assert (await house.actions(run_id))[-1] == "run_expired"
    await other.sweep(after=GRACE)
    assert await other.status(run_id) == "expired"
    del other.weather.calls[:]
    for process in (other, house.neighbour()):
        await process.recover()
        assert "log.close" not in process.weather.calls
    assert house.rows() == 0
