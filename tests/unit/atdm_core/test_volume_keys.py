"""Volumes that are asked for under an idempotency key, on memory fakes."""

import asyncio
from datetime import timedelta

import pytest

from atdm_core import Caller
from atdm_core.errors import IdempotencyKeyReused, StoreUnavailable, TooManyRequests
from atdm_core.volume_run import VolumeRuns
from tests.unit.atdm_core.house import NOON, House
from tests.unit.atdm_core.test_volume_run import COUNT, Maker, asked, followed

ANN = Caller(invoker="human:ann", idempotency_key="one")


@pytest.fixture
def maker() -> Maker:
    """One that makes all."""
    return Maker()


@pytest.fixture
def volumes(house: House, maker: Maker) -> VolumeRuns:
    """Those of the house."""
    return house.engine.volumes(maker)


async def test_the_same_run_again(house: House, maker: Maker, volumes: VolumeRuns) -> None:
    """While it is made, when it is there and when it is gone, the key gives the same run, seed and token, anywhere."""
    maker.go.clear()
    first = await volumes.begin(asked(seed=None, as_of=None), ANN)
    house.out.seconds += timedelta(days=1).total_seconds()  # the day is the first one's, too
    neighbour = house.neighbour().engine.volumes(maker)
    for process in (volumes, neighbour):
        assert await process.begin(asked(seed=None, as_of=None), ANN) == first
    maker.go.set()
    assert (await followed(volumes, first)).row_counts == {"customer": COUNT, "order": COUNT + COUNT // 4}
    for status in ("ready", "cleaned"):
        for process in (volumes, neighbour):
            again = await process.begin(asked(seed=None, as_of=None), ANN)
            assert (again.status, again.as_of, again.cleanup) == (status, NOON.date(), first.cleanup)
            assert (again.test_run_id, again.seed) == (first.test_run_id, first.seed)
        await house.engine.reset(first.test_run_id, first.cleanup.cleanup_token, "human:ann")
    assert {mark.run_id for mark in house.out.log.noted} == {first.test_run_id}


async def test_a_key_means_one_volume(house: House, volumes: VolumeRuns) -> None:
    """Another volume, or a request, under a key that is taken is refused, and nothing is left of it."""
    first = await volumes.begin(asked(), ANN)
    with pytest.raises(IdempotencyKeyReused):
        await volumes.begin(asked(count=3), ANN)
    await followed(volumes, first)
    with pytest.raises(IdempotencyKeyReused):
        await house.ask("one")
    assert house.open_runs() == set()


async def test_a_key_is_answered_also_by_a_busy_process(house: House, maker: Maker, volumes: VolumeRuns) -> None:
    """A process that is making a volume refuses another, whose key is free to be sent again, here or elsewhere."""
    maker.go.clear()
    first = await volumes.begin(asked(), ANN)
    bob = Caller(invoker="human:bob", idempotency_key="two")
    with pytest.raises(TooManyRequests):
        await volumes.begin(asked(), bob)
    assert house.open_runs() == {first.test_run_id}
    maker.go.set()
    await followed(volumes, first)
    other = house.neighbour().engine.volumes(maker)
    second = await other.begin(asked(), bob)
    assert (await followed(other, second)).status == "ready"
    assert (await volumes.begin(asked(), bob)).test_run_id == second.test_run_id


async def test_a_process_that_died_before_the_run_was_open(house: House, maker: Maker, volumes: VolumeRuns) -> None:
    """Whoever is asked again under the key opens the run, with the same seed and token."""
    house.weather.fails("log.open", StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        await volumes.begin(asked(seed=None), ANN)
    other = house.neighbour().engine.volumes(maker)
    accepted = await other.begin(asked(seed=None), ANN)
    assert (await followed(other, accepted)).status == "ready"
    again = await volumes.begin(asked(seed=None), ANN)
    assert (again.seed, again.cleanup) == (accepted.seed, accepted.cleanup)


async def test_a_process_that_died_in_the_midst(house: House, maker: Maker, volumes: VolumeRuns) -> None:
    """The run is found again under its key, and recovery rolls it back; it is not made a second time."""
    maker.go.clear()
    first = await volumes.begin(asked(), ANN)
    await asyncio.wait_for(maker.made.wait(), 10)
    house.weather.dead = True
    other = house.neighbour()
    found = other.engine.volumes(maker)
    assert await found.begin(asked(), ANN) == first
    await other.recover()
    again = await found.begin(asked(), ANN)
    assert (again.test_run_id, again.status) == (first.test_run_id, "rolled_back")
    assert (await followed(found, again)).error is not None
    assert not found.is_busy
    await volumes.close()


async def test_two_at_once(house: House, maker: Maker, volumes: VolumeRuns) -> None:
    """Of two that ask at the same time under one key both get the same run, from one process or two."""
    other = house.neighbour().engine.volumes(maker)
    answers = await asyncio.gather(volumes.begin(asked(), ANN), volumes.begin(asked(), ANN), other.begin(asked(), ANN))
    assert len({answer.test_run_id for answer in answers}) == 1
    assert (await followed(volumes, answers[0])).status == "ready"
    if other.is_busy:
        assert (await followed(other, answers[2])).status == "ready"
    assert house.rows() == COUNT * 2 + COUNT // 4
