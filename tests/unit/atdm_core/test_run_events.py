"""Appending to a trail that others append to as well."""

import pytest

from atdm_core.audit import Trail
from atdm_core.errors import RunNotFound, StoreUnavailable, TrailConflict
from atdm_core.run_events import append_events
from tests.unit.atdm_core.house import House


def say(trail: Trail) -> bool:
    """Append an event."""
    trail.record("said", invoker="x")
    return True


async def test_appended_on_top_of_others(house: House) -> None:
    """An event goes on top of what others appended since the trail was read."""
    run_id = (await house.ask()).test_run_id
    mine, theirs = await house.trail(run_id), await house.trail(run_id)
    await append_events(house.out.log, run_id, say, theirs)
    done = await append_events(house.out.log, run_id, say, mine)
    assert done is not None
    assert done.head == (await house.trail(run_id)).head
    assert (await house.actions(run_id)).count("said") == 2


async def test_known_trail_never_claims_what_is_not_stored(house: House) -> None:
    """A trail that lost against others ends where the stored one passes through."""
    run_id = (await house.ask()).test_run_id
    mine, head = await house.trail(run_id), (await house.trail(run_id)).head
    await append_events(house.out.log, run_id, say)
    assert await append_events(house.out.log, run_id, lambda trail: trail is mine and say(trail), mine) is None
    assert mine.head == head


async def test_lost_answer_is_read_again(house: House) -> None:
    """After an append whose answer was lost the trail forgets the event, as nobody knows whether it is there."""
    run_id = (await house.ask()).test_run_id
    trail = await house.trail(run_id)
    house.weather.fails("log.append", StoreUnavailable("away"), when="after")
    with pytest.raises(StoreUnavailable):
        await append_events(house.services.log, run_id, say, trail)
    assert not trail.unstored().entries
    await append_events(house.services.log, run_id, say, trail)
    assert (await house.actions(run_id)).count("said") == 2


async def test_nothing_to_say(house: House) -> None:
    """Where there is nothing to store nothing is, and a run that is not there is told."""
    run_id = (await house.ask()).test_run_id
    del house.weather.calls[:]
    assert await append_events(house.services.log, run_id, lambda _: False) is None
    assert house.weather.calls == ["log.read"]
    with pytest.raises(RunNotFound):
        await append_events(house.services.log, "nobody", say)


async def test_too_many_at_once(house: House) -> None:
    """An append that loses again and again is given up."""
    run_id = (await house.ask()).test_run_id
    house.weather.fails("log.append", TrailConflict("someone was faster"), times=50)
    with pytest.raises(StoreUnavailable, match="try again"):
        await append_events(house.services.log, run_id, say)
