"""Recovery: a process dies at each durable step of its work, and another one ends what it left."""

import asyncio
from typing import NamedTuple

import pytest

from atdm_core.errors import ResetFailed, SeedFailed, StoreUnavailable, TargetUnreachable
from atdm_core.recovery import GRACE, RECOVERER, RETIRE_AFTER
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When

TARGET_AWAY = TargetUnreachable("the target is away")
STORE_AWAY = StoreUnavailable("the store is away")
BROKEN = RuntimeError("nobody foresaw this")


class Death(NamedTuple):
    """Where a process dies, and what becomes of its run; None: it left nothing behind. `skip`: calls before."""

    call: str
    when: When
    status: str | None
    skip: int = 0


def named(death: Death) -> str:
    """How a death reads in the list of tests."""
    return f"{death.when}-{death.call}-{death.skip}"


REQUEST = [
    Death("log.open", "before", None),
    Death("log.open", "after", "rolled_back"),
    Death("target.seed", "before", "rolled_back"),
    Death("target.seed", "after", "rolled_back"),
    Death("catalog.record", "before", "ready"),  # the run object, which is created beside it, stands
    Death("catalog.record", "after", "rolled_back"),
    Death("log.append", "before", "rolled_back"),
    Death("log.append", "after", "ready"),
    Death("log.close", "before", "ready"),
    Death("log.close", "after", "ready"),
]
ROLLBACK = [
    Death("catalog.record", "before", "rolled_back", skip=1),
    Death("log.append", "before", "rolled_back"),
    Death("log.append", "after", "rolled_back"),
    Death("target.delete", "before", "rolled_back"),
    Death("target.delete", "after", "rolled_back"),
    Death("log.append", "before", "rolled_back", skip=1),
    Death("log.append", "after", "rolled_back", skip=1),
    Death("log.close", "before", "rolled_back"),
]
RESET = [
    Death("log.open", "before", "ready"),
    Death("log.open", "after", "ready"),
    Death("log.append", "before", "ready"),
    Death("log.append", "after", "cleaned"),
    Death("target.delete", "before", "cleaned"),
    Death("target.delete", "after", "cleaned"),
    Death("log.append", "before", "cleaned", skip=1),
    Death("log.append", "after", "cleaned", skip=1),
    Death("log.close", "before", "cleaned"),
]


async def settled(house: House, run_id: str, status: str) -> None:
    """Assert that the run is what it should be, in every place, and that nobody finds anything left to do."""
    assert await house.status(run_id) == status
    assert await house.out.catalog.find(run_id) is not None
    assert house.rows() == (2 if status == "ready" else 0)
    assert house.open_runs() == set()
    assert house.reports == []
    del house.weather.calls[:]
    await house.recover()
    assert not {"log.append", "target.delete", "log.close"} & set(house.weather.calls)


@pytest.mark.parametrize("death", REQUEST, ids=named)
async def test_death_during_a_request(house: House, death: Death) -> None:
    """A run whose server died is kept when its record stands, and else removed and recorded."""
    other = house.neighbour()
    await house.dies(death.call, death.when, house.ask())
    await other.recover()
    if death.status is None:
        assert (house.out.log.noted, house.rows()) == ([], 0)
        return
    run_id = house.only_run()
    await settled(other, run_id, death.status)
    if death.status == "rolled_back":
        failed, completed = (await house.trail(run_id)).events[-2:]
        assert (failed.action, failed.invoker) == ("seed_failed", RECOVERER)
        assert failed.outputs["error"]["code"] == "SERVER_DIED"
        assert completed.action == "rollback_completed"


@pytest.mark.parametrize("death", ROLLBACK, ids=named)
async def test_death_while_a_failed_request_is_undone(house: House, death: Death) -> None:
    """A run that failed, and whose server died while it undid that, is undone by another."""
    other = house.neighbour()
    house.weather.fails("target.seed", TARGET_AWAY, when="after")
    house.weather.dies(death.call, death.when, skip=death.skip)
    with pytest.raises(TargetUnreachable):
        await house.ask()
    assert house.weather.dead
    await other.recover()
    await settled(other, house.only_run(), death.status or "")
    assert (await house.actions(house.only_run())).count("rollback_completed") == 1


@pytest.mark.parametrize("death", RESET, ids=named)
async def test_death_during_a_reset(house: House, death: Death) -> None:
    """A reset that is known to have begun is ended by another; one that is not leaves the run as it was."""
    outcome = await house.ask()
    other = house.neighbour()
    reset = house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "human:ann")
    await house.dies(death.call, death.when, reset, skip=death.skip)
    await other.recover()
    await settled(other, outcome.test_run_id, death.status or "")
    again = await other.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert again.status == ("cleaned" if death.status == "ready" else "already_cleaned")


@pytest.mark.parametrize("death", [death for death in REQUEST if death.status], ids=named)
async def test_two_recover_at_once(house: House, death: Death) -> None:
    """Two processes that settle a run at the same moment end in the same state as one."""
    one, two = house.neighbour(), house.neighbour()
    await house.dies(death.call, death.when, house.ask())
    await asyncio.gather(one.sweep(), two.sweep())
    house.out.seconds += GRACE
    gates = [one.weather.holds(call) for call in ("log.read", "log.append", "target.delete")]
    sweeps = asyncio.gather(one.sweep(), two.sweep())
    for _, go in gates:
        for _ in range(50):
            await asyncio.sleep(0)
        go.set()
    await sweeps
    await settled(one, house.only_run(), death.status or "")
    actions = await house.actions(house.only_run())
    assert actions.count("rollback_completed") == (0 if death.status == "ready" else 1)
    assert two.reports == []


async def test_nothing_happens_before_its_time(house: House) -> None:
    """A run that stands open is left alone until the grace is over, counted from when this process saw it."""
    other = house.neighbour()
    await house.dies("target.seed", "after", house.ask())
    await other.sweep(after=1000)
    await other.sweep(after=GRACE - 0.5)
    assert house.rows() == 2
    assert not {"log.append", "target.delete"} & set(other.weather.calls)
    await other.sweep(after=0.5)
    await settled(other, house.only_run(), "rolled_back")


@pytest.mark.parametrize("log_id", ["log-0", "the next log"])
async def test_who_says_again_that_it_has_begun_is_alive(house: House, log_id: str) -> None:
    """A run whose open mark is repeated, also in the next log of its process, is left alone as long as that goes on."""
    other = house.neighbour()
    await house.dies("target.seed", "after", house.ask())
    await other.sweep()
    (mark,) = house.out.log.noted
    for _ in range(3):
        house.out.seconds += GRACE - 1
        await house.out.log.note_in(log_id, mark)
        await other.sweep()
    assert house.rows() == 2
    await other.sweep(after=GRACE)
    await settled(other, house.only_run(), "rolled_back")


async def test_slow_owner_finds_its_run_rolled_back(house: House) -> None:
    """A process that was taken for dead while its rows were written is told so, and its rows are gone."""
    other = house.neighbour()
    held, go = house.weather.holds("target.seed")
    request = asyncio.create_task(house.ask())
    await asyncio.wait_for(held.wait(), 5)
    await other.recover()
    assert house.rows() == 0
    go.set()
    with pytest.raises(SeedFailed, match="rolled back"):
        await request
    await settled(house, house.only_run(), "rolled_back")


async def test_slow_seed_is_refused(house: House) -> None:
    """Rows that reach the target after their run was rolled back are refused."""
    other = house.neighbour()
    held, go = house.weather.holds("target.seed", "before")
    request = asyncio.create_task(house.ask())
    await asyncio.wait_for(held.wait(), 5)
    await other.recover()
    go.set()
    with pytest.raises(SeedFailed, match="a late seed is refused"):
        await request
    await settled(house, house.only_run(), "rolled_back")


@pytest.mark.parametrize("error", [TARGET_AWAY, BROKEN])
async def test_a_run_that_cannot_be_settled_waits_alone(house: House, error: Exception) -> None:
    """What fails on one run is reported and tried again, and does not keep the others waiting."""
    other = house.neighbour()
    for _ in range(3):
        await house.dies("target.seed", "after", house.ask())
        house.weather.dead = False
    other.weather.fails("target.delete", error)
    await other.recover()
    assert house.rows() == 2
    assert len(other.reports) == 1
    await other.sweep()
    assert house.rows() == 0
    assert house.open_runs() == set()


@pytest.mark.parametrize("call", ["log.marks", "target.seeded"])
async def test_store_or_target_that_is_away_is_reported(house: House, call: str) -> None:
    """A round that cannot read logs or ledger is reported, and the next one goes on."""
    other = house.neighbour()
    await house.dies("target.seed", "after", house.ask())
    other.weather.fails(call, STORE_AWAY)
    await other.sweep()
    assert other.reports == [("", "STORE_UNAVAILABLE")]
    await other.recover()
    assert house.rows() == 0


async def test_reset_after_a_refused_one_is_finished(house: House) -> None:
    """A reset that died is ended although one before it was refused, and both came to be known at once."""
    outcome = await house.ask()
    other = house.neighbour()
    house.weather.fails("target.delete", ResetFailed("rows of others point at them"))
    with pytest.raises(ResetFailed):
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    again = house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    await house.dies("target.delete", "before", again)
    await other.recover()
    await settled(other, outcome.test_run_id, "cleaned")


async def test_reset_that_lost_against_another_leaves_nothing_open(house: House) -> None:
    """Of two resets the one that finds the rows gone closes what it opened."""
    outcome = await house.ask()
    other = house.neighbour()
    held, go = other.weather.holds("log.append", "before")
    late = asyncio.create_task(other.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x"))
    await asyncio.wait_for(held.wait(), 5)
    await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    go.set()
    assert (await late).status == "already_cleaned"
    assert [mark.state for mark in house.out.log.logs["log-1"]] == ["resetting", "kept"]


async def test_old_logs_are_retired(house: House) -> None:
    """A log that has been known for long, and holds no open run, is left out from then on."""
    other = house.neighbour()
    await house.ask()
    await other.sweep()
    await other.sweep(after=RETIRE_AFTER - 1)
    assert house.out.log.retired == set()
    await other.sweep(after=1)
    assert house.out.log.retired == {"log-0", "log-1"}
    del other.weather.calls[:]
    await other.sweep()
    assert "log.retire" not in other.weather.calls


async def test_log_with_an_open_run_is_kept(house: House) -> None:
    """A log is not retired while a run that was opened in it is not settled."""
    other = house.neighbour()
    await house.dies("target.seed", "after", house.ask())
    other.weather.fails("target.delete", TARGET_AWAY, times=1000)
    await other.sweep()
    await other.sweep(after=RETIRE_AFTER)
    assert house.out.log.retired == {"log-1"}
    other.weather.clears()
    await other.sweep()
    await other.sweep()
    assert house.rows() == 0
    assert house.out.log.retired == {"log-0", "log-1"}


async def test_a_new_process_finds_nothing_to_do(house: House) -> None:
    """Runs that were ended well are left alone by a process that reads their logs for the first time."""
    outcome = await house.ask()
    await house.ask()
    await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    other = house.neighbour()
    await other.recover()
    assert set(other.weather.calls) == {"log.marks", "target.seeded", "target.expired"}
