"""Volumes as runs, on memory fakes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from atdm_core import Caller, Pack
from atdm_core.errors import (
    DomainNotFound,
    InvalidRequest,
    RunNotFound,
    ScenarioNotFound,
    StoreUnavailable,
    TargetUnreachable,
    ValidatorRejected,
)
from atdm_core.recovery import GRACE
from atdm_core.values import CatalogQuery
from atdm_core.volume import Volume, shards_of
from atdm_core.volume_arrow import ShardRows, rows_of
from atdm_core.volume_request import VolumeAccepted, VolumeProgress, VolumeRequest
from atdm_core.volume_run import VolumeRuns
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.shop import AS_OF

ANN = Caller(invoker="human:ann")
COUNT = 25_000  # bundles: three shards
ACTIONS = [
    "request_received",
    "plan_resolved",
    "seed_started",
    "validators_passed",
    "seed_completed",
    "catalog_recorded",
]


class Maker:
    """Makes shards here, as far as it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.made = asyncio.Event()
        self.error: Exception | None = None
        self.closed = False

    async def __call__(self, volume: Volume, pack: Pack) -> AsyncGenerator[ShardRows]:
        """See `ShardMaker`; the last comes first."""
        try:
            for shard in reversed(shards_of(volume, pack)):
                yield rows_of(volume, pack, shard)
                self.made.set()
                await self.go.wait()
                if self.error is not None:
                    raise self.error
        finally:
            self.closed = True


@pytest.fixture
def maker() -> Maker:
    """One that makes all."""
    return Maker()


def asked(**more: object) -> VolumeRequest:
    """A request for customers with one order, and some with two."""
    wish = {"domain": "shop", "mix": {"one_order": 3, "two_orders": 1}, "count": COUNT, "as_of": AS_OF, "seed": 5}
    return VolumeRequest(**{**wish, **more})  # pyright: ignore[reportArgumentType]


async def followed(volumes: VolumeRuns, volume: VolumeAccepted | VolumeProgress) -> VolumeProgress:
    """The last word about a volume."""
    async with asyncio.timeout(20):
        return [word async for word in volumes.follow(volume.test_run_id)][-1]


async def test_a_volume_is_a_run(house: House, maker: Maker) -> None:
    """It is open before the target is touched, recorded when the rows are there, and taken back by its token."""
    volumes = house.engine.volumes(maker)
    accepted = await volumes.begin(asked(ttl_seconds=600), ANN)
    assert house.weather.calls[:2] == ["log.open", "catalog.record"]
    end = await followed(volumes, accepted)
    assert (end.status, end.bundles, end.rows) == ("ready", COUNT, house.rows())
    assert end.row_counts == {"customer": COUNT, "order": COUNT + COUNT // 4}
    assert end.expires_at is not None
    run_id = accepted.test_run_id
    assert await house.actions(run_id) == ACTIONS
    assert await house.status(run_id) == "ready"
    assert house.open_runs() == set()
    assert not volumes.is_busy
    outcome = await house.engine.reset(run_id, accepted.cleanup.cleanup_token, "human:ann")
    assert (outcome.status, outcome.residue, house.rows()) == ("cleaned", [], 0)


async def test_what_is_recorded(house: House, maker: Maker) -> None:
    """The catalog has the mixture, the trail the counts and a digest, which depends on the seed alone."""
    volumes = house.engine.volumes(maker)
    first = await followed(volumes, await volumes.begin(asked(), ANN))
    (row,) = await house.engine.runs(CatalogQuery())
    assert (row.scenario_id, row.planner_mode, row.domain) == ("volume", "mix", "shop")
    assert row.constraints == {"mix": "one_order=3,two_orders=1", "count": COUNT}
    view = await house.engine.trail(first.test_run_id)
    seeded = next(event for event in view.events if event.action == "seed_completed")
    assert (seeded.outputs["digest"], seeded.outputs["row_counts"]) == (first.digest, first.row_counts)
    assert view.plan is not None
    assert [decision["validator"] for decision in view.validator_decisions] == list(view.plan["validators"])
    other = await followed(volumes, await volumes.begin(asked(seed=6), ANN))
    assert other.digest != first.digest
    elsewhere = await followed(house.neighbour().engine.volumes(maker), first)
    assert (elsewhere.status, elsewhere.digest, elsewhere.rows) == ("ready", first.digest, first.rows)


@pytest.mark.parametrize("error", [TargetUnreachable("gone"), ValueError("a fault")])
async def test_what_fails_is_undone(house: House, maker: Maker, error: Exception) -> None:
    """Whatever ends the making ends in a recorded rollback, without a row, and the last word says what it was."""
    maker.error = error
    volumes = house.engine.volumes(maker)
    end = await followed(volumes, await volumes.begin(asked(), ANN))
    assert end.status == "rolled_back"
    assert end.error is not None
    assert end.error["code"] == getattr(error, "code", "INTERNAL_ERROR")
    assert (house.rows(), house.open_runs()) == (0, set())
    assert await house.status(end.test_run_id) == "rolled_back"
    assert (await house.actions(end.test_run_id))[-2:] == ["seed_failed", "rollback_completed"]
    assert maker.closed


async def test_a_bundle_that_breaks_a_rule(house: House, maker: Maker) -> None:
    """A volume in which a validator finds a fault is undone as a whole."""
    maker.error = ValidatorRejected("no", findings=[])
    volumes = house.engine.volumes(maker)
    end = await followed(volumes, await volumes.begin(asked(), ANN))
    assert end.error is not None
    assert (end.error["code"], house.rows()) == ("VALIDATOR_REJECTED", 0)


async def test_a_server_that_stops_undoes_its_volume(house: House, maker: Maker) -> None:
    """Closing the process ends the volume that is being made: rolled back, and its makers let go."""
    maker.go.clear()
    volumes = house.engine.volumes(maker)
    accepted = await volumes.begin(asked(), ANN)
    await asyncio.wait_for(maker.made.wait(), 10)
    assert volumes.is_busy
    await volumes.close()
    assert (maker.closed, house.rows()) == (True, 0)
    assert await house.status(accepted.test_run_id) == "rolled_back"
    assert (await followed(volumes, accepted)).error == {
        "code": "SERVER_STOPPED",
        "message": "the server was stopped; the volume is undone",
        "details": {},
    }


async def test_an_open_volume_says_that_it_is(house: House, maker: Maker) -> None:
    """While it is being made its open mark is noted again and again, and once it is there no more."""
    maker.go.clear()
    volumes = house.neighbour(grace=0.004).engine.volumes(maker)
    accepted = await volumes.begin(asked(), ANN)
    async with asyncio.timeout(10):
        while len(house.out.log.noted) < 4:  # noqa: ASYNC110 - the pulse is what is waited for
            await asyncio.sleep(0)
    assert {(mark.run_id, mark.kind, mark.state) for mark in house.out.log.noted} == {
        (accepted.test_run_id, "open", "seeding")
    }
    maker.go.set()
    assert (await followed(volumes, accepted)).status == "ready"
    assert [mark.kind for mark in house.out.log.noted][-1] == "close"


async def test_nobody_takes_a_living_volume_for_dead(house: House, maker: Maker) -> None:
    """A volume that takes far longer than a run may stand open is left alone as long as its process says it lives."""
    maker.go.clear()
    volumes = house.neighbour(grace=0.004).engine.volumes(maker)
    accepted = await volumes.begin(asked(), ANN)
    other = house.neighbour()
    for _ in range(5):
        said = len(house.out.log.noted)
        async with asyncio.timeout(10):
            while len(house.out.log.noted) == said:  # noqa: ASYNC110 - the pulse is what is waited for
                await asyncio.sleep(0)
        await other.sweep(after=0.6 * GRACE)
    assert await other.status(accepted.test_run_id) == "open"
    maker.go.set()
    assert (await followed(volumes, accepted)).status == "ready"


async def test_others_settle_what_a_dead_process_left(house: House, maker: Maker) -> None:
    """A process that dies in the midst of a volume leaves an open run, which another rolls back."""
    maker.go.clear()
    volumes = house.engine.volumes(maker)
    accepted = await volumes.begin(asked(), ANN)
    await asyncio.wait_for(maker.made.wait(), 10)
    other = house.neighbour()
    first = await anext(other.engine.volumes(maker).follow(accepted.test_run_id))
    assert (first.status, first.rows) == ("open", None)
    await other.recover()
    assert await other.status(accepted.test_run_id) == "rolled_back"
    maker.go.set()
    end = await followed(volumes, accepted)
    assert (end.status, house.rows()) == ("rolled_back", 0)


async def test_what_cannot_be_asked_for(house: House, maker: Maker) -> None:
    """A domain or scenario that is not there, and a day that is none, are refused before anything is recorded."""
    volumes = house.engine.volumes(maker)
    with pytest.raises(DomainNotFound):
        await volumes.begin(asked(domain="toys"), ANN)
    with pytest.raises(ScenarioNotFound):
        await volumes.begin(asked(mix={"nine": 1}), ANN)
    with pytest.raises(InvalidRequest):
        asked(as_of=AS_OF.replace(year=9500))
    with pytest.raises(RunNotFound):
        await anext(volumes.follow("nobody"))
    request = await house.ask()
    with pytest.raises(RunNotFound):
        await anext(volumes.follow(request.test_run_id))
    assert not volumes.is_busy


async def test_a_store_that_is_away(house: House, maker: Maker) -> None:
    """A volume that cannot be opened is refused, and the target is not touched."""
    volumes = house.engine.volumes(maker)
    house.weather.fails("log.open", StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        await volumes.begin(asked(), ANN)
    assert (house.rows(), volumes.is_busy) == (0, False)
