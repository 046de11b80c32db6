"""Volumes that are taken back while they are being made, on memory fakes."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from atdm_core.audit import CANCEL
from atdm_core.errors import RunNotFound, StoreUnavailable, TokenMismatch
from atdm_core.volume_run import VolumeRuns
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.test_volume_run import ANN, Maker, asked

BOB = "human:bob"
CAUSE = {"code": "CANCELLED", "message": "human:bob cancelled the volume before its rows were there"}
ENDED = ["request_received", "plan_resolved", "seed_started", "seed_failed", "rollback_completed"]


class Open:
    """A volume of a house that stays open until the test lets it go on."""

    def __init__(self, house: House, volumes: VolumeRuns, maker: Maker, run_id: str, token: str) -> None:
        self.house = house
        self.volumes = volumes
        self.maker = maker
        self.run_id = run_id
        self.token = token

    async def end(self) -> tuple[str, object]:
        """The last word about it: status and error."""
        async with asyncio.timeout(20):
            words = [word async for word in self.volumes.follow(self.run_id)]
        return words[-1].status, words[-1].error

    async def until_free(self) -> None:
        """Return when its process makes it no more."""
        async with asyncio.timeout(10):
            while self.volumes.is_busy:  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """A process that looks often whether its run is decided."""
    house = House(tmp_path / "fixtures", grace=0.004)
    yield house
    await house.engine.close()


@pytest.fixture
async def volume(house: House) -> Open:
    """One that has come as far as its first shard."""
    maker = Maker()
    maker.go.clear()
    volumes = house.engine.volumes(maker)
    accepted = await volumes.begin(asked(), ANN)
    await asyncio.wait_for(maker.made.wait(), 10)
    return Open(house, volumes, maker, accepted.test_run_id, accepted.cleanup.cleanup_token)


async def test_its_own_process_gives_it_up_at_once(house: House, volume: Open) -> None:
    """A reset by token ends an open volume: its makers are let go, no row stays, and everybody is told why."""
    outcome = await house.engine.reset(volume.run_id, volume.token, BOB)
    assert (outcome.run_id, outcome.status) == (volume.run_id, "cancelled")
    assert (volume.maker.closed, volume.volumes.is_busy) == (True, False)
    assert (house.rows(), house.open_runs()) == (0, set())
    assert await house.actions(volume.run_id) == ENDED
    assert (await house.trail(volume.run_id)).events[3].invoker == BOB
    assert await volume.end() == ("rolled_back", CAUSE)
    assert await house.status(volume.run_id) == "rolled_back"


async def test_another_process_decides_and_the_maker_finds_out(house: House, volume: Open) -> None:
    """Asked of another process, the reset is answered when it is decided; the maker gives up, and leaves nothing."""
    other = house.neighbour()
    assert (await other.engine.reset(volume.run_id, volume.token, BOB)).status == "cancelled"
    assert await other.status(volume.run_id) == "rolled_back"
    assert "target.delete" not in other.weather.calls
    assert await volume.end() == ("rolled_back", CAUSE)
    await volume.until_free()
    assert (volume.maker.closed, house.rows(), house.open_runs()) == (True, 0, set())
    assert await house.actions(volume.run_id) == ENDED


async def test_repeating_it_is_harmless(house: House, volume: Open) -> None:
    """A second reset of a cancelled volume finds nothing to do, from any process, and does not touch the target."""
    other = house.neighbour()
    await other.engine.reset(volume.run_id, volume.token, BOB)
    for engine in (other.engine, house.engine):
        assert (await engine.reset(volume.run_id, volume.token, BOB)).status == "already_cleaned"
    assert "target.delete" not in other.weather.calls
    assert await volume.end() == ("rolled_back", CAUSE)
    await volume.until_free()
    assert await house.actions(volume.run_id) == ENDED


async def test_two_at_once(house: House, volume: Open) -> None:
    """Of resets that come together one cancels the volume, and the others find it cancelled."""
    engines = [house.engine, house.neighbour().engine, house.neighbour().engine]
    resets = await asyncio.gather(*(engine.reset(volume.run_id, volume.token, BOB) for engine in engines))
    assert sorted(reset.status for reset in resets) == ["already_cleaned", "already_cleaned", "cancelled"]
    assert await volume.end() == ("rolled_back", CAUSE)


async def test_another_token_is_refused(house: House, volume: Open) -> None:
    """With a token that is not its own an open volume goes on, and the attempt is in the process log."""
    for engine in (house.engine, house.neighbour().engine):
        with pytest.raises(TokenMismatch):
            await engine.reset(volume.run_id, "x" * 64, BOB)
    denied = [(mark.run_id, mark.state, mark.invoker) for mark in house.out.log.noted if mark.kind == "denied"]
    assert denied == [(volume.run_id, CANCEL, BOB)] * 2
    volume.maker.go.set()
    assert (await volume.end())[0] == "ready"
    assert (await house.engine.reset(volume.run_id, volume.token, BOB)).status == "cleaned"


async def test_a_load_that_commits_all_the_same_is_wiped(house: House, volume: Open) -> None:
    """Where the target commits just after the decision, the maker finds the run rolled back and deletes its rows."""
    other = house.neighbour()
    held, go = house.weather.holds("log.append", "before")
    volume.maker.go.set()
    await asyncio.wait_for(held.wait(), 10)
    assert house.rows() > 0
    await other.engine.reset(volume.run_id, volume.token, BOB)
    go.set()
    assert await volume.end() == ("rolled_back", CAUSE)
    assert (house.rows(), await house.actions(volume.run_id)) == (0, ENDED)


async def test_a_maker_that_dies_after_the_decision(house: House, volume: Open) -> None:
    """Whoever dies once a volume is cancelled, another process ends what was begun."""
    other, third = house.neighbour(), house.neighbour()
    await other.engine.reset(volume.run_id, volume.token, BOB)
    house.weather.dead = True
    await third.recover()
    assert await third.actions(volume.run_id) == ENDED
    assert third.open_runs() == set()
    volume.maker.go.set()  # what it had sent arrives late
    await volume.until_free()
    await volume.volumes.close()
    assert third.rows() == 0


async def test_what_is_there_is_reset(house: House, volume: Open) -> None:
    """A volume that is there when its reset is decided is taken back as any run."""
    volume.maker.go.set()
    assert (await volume.end())[0] == "ready"
    assert (await house.neighbour().engine.reset(volume.run_id, volume.token, BOB)).status == "cleaned"


async def test_a_store_that_is_away_decides_nothing(house: House, volume: Open) -> None:
    """Where the decision cannot be stored the reset fails, and the volume goes on."""
    other = house.neighbour()
    other.weather.fails("log.append", StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        await other.engine.reset(volume.run_id, volume.token, BOB)
    volume.maker.go.set()
    assert (await volume.end())[0] == "ready"


async def test_an_open_request_cannot_be_cancelled(house: House) -> None:
    """A request that is still being served is not known to a reset, as before."""
    held, go = house.weather.holds("target.seed", "before")
    asking = asyncio.create_task(house.ask())
    await asyncio.wait_for(held.wait(), 10)
    await house.weather.ended("catalog.record")
    with pytest.raises(RunNotFound):
        await house.engine.reset(house.only_run(), "x" * 64, BOB)
    go.set()
    assert (await asking).status == "ready"
