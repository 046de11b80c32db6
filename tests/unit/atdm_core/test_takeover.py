"""A request with a key whose server dies is carried on by whoever gets it again: one run, one seed, one token."""

import asyncio

import pytest

from atdm_core import Outcome
from atdm_core.errors import RequestInProgress, SeedFailed, TargetUnreachable
from atdm_core.recovery import GRACE
from atdm_core.values import Delivery
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When

DAY = 86_400.0
DEATHS: list[tuple[str, When]] = [
    ("claims.claim", "after"),
    ("log.open", "before"),
    ("log.open", "after"),
    ("target.seed", "before"),
    ("target.seed", "after"),
    ("catalog.record", "before"),
    ("catalog.record", "after"),
    ("log.append", "before"),
    ("log.append", "after"),
    ("log.close", "before"),
    ("log.close", "after"),
]


async def claimed(house: House) -> str:
    """The run that holds the only key."""
    (claim,) = house.out.claims._claims.values()  # pyright: ignore[reportPrivateUsage]
    return claim.run_id


async def marks_tell_the_truth(house: House, run_id: str) -> bool:
    """Whether every head that a mark of the run names is one that its trail passes through."""
    heads = {entry.hash.hex() for entry in (await house.trail(run_id)).entries}
    return all(mark.head in heads for mark in house.out.log.noted if mark.run_id == run_id and mark.head)


@pytest.mark.parametrize(("call", "when"), DEATHS)
async def test_request_sent_again_after_a_crash(house: House, call: str, when: When) -> None:
    """Wherever the server died, the request sent again to another is answered with the run that was begun."""
    await house.dies(call, when, house.ask("key", ttl_seconds=3600))
    run_id = await claimed(house)
    other = house.neighbour()
    house.out.seconds += 10
    outcome = await other.ask("key", ttl_seconds=3600)
    assert outcome.test_run_id == run_id
    assert await other.out.target.seeded("", 10) == [run_id]
    assert house.rows() == 2
    assert await other.status(run_id) == "ready"
    again = await house.neighbour().ask("key", ttl_seconds=3600)
    assert again == outcome
    await other.recover()
    assert house.open_runs() == set()
    assert await other.status(run_id) == "ready"
    assert await marks_tell_the_truth(house, run_id)
    reset = await other.engine.reset(run_id, outcome.cleanup.cleanup_token, "x")
    assert (reset.status, house.rows()) == ("cleaned", 0)


async def test_key_that_was_not_taken(house: House) -> None:
    """A server that died before it took the key leaves a run that is rolled back; the next request is the first."""
    await house.dies("claims.claim", "before", house.ask("key"))
    other = house.neighbour()
    outcome = await other.ask("key")
    await other.recover()
    assert await house.out.target.seeded("", 10) == [outcome.test_run_id]
    assert house.open_runs() == set()


async def test_another_day_makes_the_same_rows(house: House) -> None:
    """A request sent again on the next day gets the rows of the day on which it was sent first."""
    delivery = Delivery(return_records=True)
    await house.dies("target.seed", "after", house.ask("key", as_of=None, delivery=delivery))
    house.out.seconds += DAY
    outcome = await house.neighbour().ask("key", as_of=None, delivery=delivery)
    assert outcome.as_of.isoformat() == "2026-07-04"
    assert house.rows() == 2
    assert await house.status(outcome.test_run_id) == "ready"


@pytest.mark.parametrize(("call", "when"), [*DEATHS[2:5], *DEATHS[6:8]])
async def test_key_whose_run_was_rolled_back(house: House, call: str, when: When) -> None:
    """A request that is sent again after its run was rolled back is told so, and seeds nothing."""
    await house.dies(call, when, house.ask("key"))
    other = house.neighbour()
    await other.recover()
    with pytest.raises(SeedFailed, match="with a new Idempotency-Key"):
        await other.ask("key")
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_key_whose_run_was_recovered_without_its_answer(house: House) -> None:
    """A run whose record stood and whose row did not is kept by recovery, and answered when it is sent again."""
    await house.dies("catalog.record", "before", house.ask("key"))
    other = house.neighbour()
    await other.recover()
    outcome = await other.ask("key")
    assert outcome.test_run_id == await claimed(house)
    assert house.rows() == 2
    reset = await other.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert (reset.status, house.rows()) == ("cleaned", 0)
    assert await house.neighbour().ask("key") == outcome
    await other.recover()
    assert house.open_runs() == set()
    assert await marks_tell_the_truth(house, outcome.test_run_id)


async def test_key_whose_record_has_no_row(house: House) -> None:
    """A run whose record stands, and whose row nobody has stored yet, is answered, and can be taken back at once."""
    await house.dies("catalog.record", "before", house.ask("key"))
    other = house.neighbour()
    outcome = await other.ask("key")
    assert other.weather.calls.count("target.seed") == 0
    assert await house.neighbour().ask("key") == outcome
    reset = await other.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert (reset.status, house.rows()) == ("cleaned", 0)
    await other.recover()
    assert house.open_runs() == set()


async def test_rollback_wins_against_a_takeover(house: House) -> None:
    """A run that is rolled back while it is being carried on is told so to both; nothing is left."""
    await house.dies("target.seed", "before", house.ask("key"))
    one, two = house.neighbour(), house.neighbour()
    held, go = one.weather.holds("target.seed")
    retry = asyncio.create_task(one.ask("key"))
    await asyncio.wait_for(held.wait(), 5)
    await two.recover()
    go.set()
    with pytest.raises(SeedFailed, match="rolled back"):
        await retry
    await one.recover()
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_takeover_wins_against_a_rollback(house: House) -> None:
    """A run that is carried on while recovery is about to roll it back stays: recovery finds it decided."""
    await house.dies("target.seed", "after", house.ask("key"))
    one, two = house.neighbour(), house.neighbour()
    await two.sweep()
    held, go = two.weather.holds("log.append", "before")
    rollback = asyncio.create_task(two.sweep(after=GRACE))
    await asyncio.wait_for(held.wait(), 5)
    outcome = await one.ask("key")
    go.set()
    await rollback
    assert await house.status(outcome.test_run_id) == "ready"
    assert house.rows() == 2
    assert house.open_runs() == set()
    assert await marks_tell_the_truth(house, outcome.test_run_id)


async def test_slow_owner_answers_what_the_takeover_answered(house: House) -> None:
    """A server that was only slow finds the run decided by another, and gives the same answer."""
    held, go = house.weather.holds("target.seed")
    first = asyncio.create_task(house.ask("key"))
    await asyncio.wait_for(held.wait(), 5)
    second = await house.neighbour().ask("key")
    go.set()
    assert await first == second
    assert house.rows() == 2
    assert house.open_runs() == set()
    assert await marks_tell_the_truth(house, second.test_run_id)


async def test_failing_owner_leaves_the_run_of_the_takeover(house: House) -> None:
    """A server that fails after another carried its run on takes nothing away from the one that was answered."""
    held, go = house.weather.holds("target.seed")
    house.weather.fails("target.seed", TargetUnreachable("the answer was lost"), when="after")
    first = asyncio.create_task(house.ask("key"))
    await asyncio.wait_for(held.wait(), 5)
    second = await house.neighbour().ask("key")
    go.set()
    with pytest.raises(TargetUnreachable):
        await first
    assert await house.status(second.test_run_id) == "ready"
    assert house.rows() == 2
    assert await house.ask("key") == second


async def test_two_takeovers_in_one_process(house: House) -> None:
    """Of two that are sent again at once to one process one carries on, and the other is told to come again."""
    await house.dies("target.seed", "after", house.ask("key"))
    other = house.neighbour()
    answers = await asyncio.gather(*(other.ask("key") for _ in range(3)), return_exceptions=True)
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert outcomes
    assert all(answer == outcomes[0] or isinstance(answer, RequestInProgress) for answer in answers)
    assert other.weather.calls.count("target.seed") == 1


async def test_takeovers_in_several_processes(house: House) -> None:
    """Sent again to several processes at once, all answer the same run, with the same token and head."""
    await house.dies("target.seed", "after", house.ask("key"))
    others = [house.neighbour() for _ in range(3)]
    gates = [other.weather.holds("target.seed") for other in others]
    retries = asyncio.gather(*(other.ask("key") for other in others))
    for held, go in gates:
        await asyncio.wait_for(held.wait(), 5)
        go.set()
    first, *rest = await retries
    assert all(answer == first for answer in rest)
    assert house.rows() == 2
    assert house.open_runs() == set()
    assert await marks_tell_the_truth(house, first.test_run_id)
