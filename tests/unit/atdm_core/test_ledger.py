"""Recovery compares the target's ledger with the trails: what no trail keeps goes, what nobody knows is told."""

import pytest

from atdm_core.audit import Part, Trail
from atdm_core.errors import TargetUnreachable, TrailBroken
from atdm_core.recovery import GRACE, Recovery
from atdm_core.values import Delivery
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.shop import make_bundle


async def seed_behind(house: House, run_id: str) -> None:
    """Put rows of a run into the target past the engine."""
    await house.out.target.seed(make_bundle(run_id=run_id), None)


async def store_record(house: House, run_id: str, *actions: str) -> None:
    """Store a trail past the engine."""
    trail = Trail(run_id)
    for action in actions:
        trail.record(action, invoker="x")
    await house.out.log.append(Part(run_id, 0, trail.entries))


@pytest.mark.parametrize("action", ["seed_failed", "plan_rejected", "reset_completed", "run_expired"])
async def test_rows_that_no_trail_keeps_are_deleted(house: House, action: str) -> None:
    """Rows of a run whose trail says that it has none are deleted; others stay."""
    kept = await house.ask()
    await seed_behind(house, "lost")
    await store_record(house, "lost", action)
    await house.sweep()
    assert house.rows() == 2
    assert await house.out.target.seeded("", 10) == [kept.test_run_id]
    assert house.reports == []


async def test_deletion_that_failed_is_tried_again(house: House) -> None:
    """Rows that could not be deleted are looked at again in the next round."""
    await seed_behind(house, "lost")
    await store_record(house, "lost", "seed_failed")
    house.weather.fails("target.delete", TargetUnreachable("away"))
    await house.sweep()
    assert house.rows() == 2
    await house.sweep()
    assert house.rows() == 0
    assert house.reports == [("lost", "TARGET_UNREACHABLE")]


async def test_unknown_runs_are_told_once_and_kept(house: House) -> None:
    """Rows of a run that no log and no trail knows are reported when the grace is over, once, and never deleted."""
    await seed_behind(house, "stranger")
    await house.sweep()
    await house.sweep(after=GRACE - 1)
    assert house.reports == []
    for _ in range(5):
        await house.sweep(after=GRACE)
    assert house.reports == [("stranger", "RUN_NOT_FOUND")]
    assert house.rows() == 2


async def test_unknown_runs_behind_an_open_one_are_told_once(house: House) -> None:
    """A run that waits to be settled does not have the strangers behind it reported over and over."""
    await house.dies("target.seed", "after", house.ask())
    other = house.neighbour()
    other.weather.fails("target.delete", TargetUnreachable("away"), times=1000)
    await seed_behind(house, "stranger")
    for _ in range(5):
        await other.sweep(after=GRACE)
    assert other.reports.count(("stranger", "RUN_NOT_FOUND")) == 1


async def test_run_that_becomes_known_is_no_stranger(house: House) -> None:
    """A run that is seen in the ledger before its mark and its record is not reported once these are there."""
    other = house.neighbour()
    await seed_behind(house, "early")
    await other.sweep()
    await store_record(house, "early", "catalog_recorded")
    await other.sweep(after=GRACE)
    assert other.reports == []
    assert house.rows() == 2


async def test_memory_of_strangers_is_bounded(house: House) -> None:
    """Runs that were seen in the ledger before their record are forgotten once that is there."""
    recovery = Recovery(house.services, house.report, monotonic=house.monotonic)
    for number in range(3):
        await seed_behind(house, f"early-{number}")
        await recovery.sweep()
        await store_record(house, f"early-{number}", "catalog_recorded")
        await recovery.sweep()
        assert not recovery._strangers  # pyright: ignore[reportPrivateUsage]


async def test_broken_trail_is_told_and_passed(house: House) -> None:
    """A trail that cannot be read is reported; its rows stay, and the runs behind it are looked at."""
    await seed_behind(house, "broken")
    await seed_behind(house, "lost")
    await store_record(house, "lost", "seed_failed")
    house.weather.fails("log.read", TrailBroken("entry 3 is missing"))
    await house.sweep()
    assert house.reports == [("broken", "TRAIL_BROKEN")]
    assert await house.out.target.seeded("", 10) == ["broken"]


async def test_ledger_longer_than_a_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is gone through page by page, also where an unknown run stands in the first one."""
    monkeypatch.setattr("atdm_core.recovery.LEDGER_PAGE", 3)
    runs = [f"run-{number:02}" for number in range(10)]
    for run_id in runs:
        await seed_behind(house, run_id)
        if run_id != "run-01":
            await store_record(house, run_id, "seed_failed" if run_id in ("run-02", "run-09") else "catalog_recorded")
    await house.sweep()
    assert "run-02" not in await house.out.target.seeded("", 100)
    for _ in range(5):
        await house.sweep(after=GRACE / 2)
    assert await house.out.target.seeded("", 100) == [run for run in runs if run not in ("run-02", "run-09")]
    assert house.reports == [("run-01", "RUN_NOT_FOUND")]


async def test_ready_runs_cost_no_read(house: House) -> None:
    """Runs whose end the logs tell of are not read for their ledger rows."""
    for _ in range(3):
        await house.ask()
    await house.sweep()
    assert "log.read" not in house.weather.calls


@pytest.mark.parametrize("seeded", [True, False])
async def test_memory_of_ready_runs_is_bounded(house: House, *, seeded: bool) -> None:
    """What was learnt of ready runs is forgotten once the ledger was compared with it."""
    recovery = Recovery(house.services, house.report, monotonic=house.monotonic)
    for _ in range(3):
        for _ in range(5):
            await house.ask(delivery=Delivery(seed_target=seeded))
        await recovery.sweep()
        assert not recovery._ready  # pyright: ignore[reportPrivateUsage]
