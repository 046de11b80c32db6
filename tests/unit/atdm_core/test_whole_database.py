"""Strategies on the whole database: every run they took back says so, and whoever dies, their own trail gets an end."""

import asyncio

import pytest

from atdm_core import Outcome
from atdm_core.errors import ResetFailed, StoreUnavailable, TargetUnreachable
from atdm_core.recovery import GRACE, RECOVERER
from atdm_core.taken_back import PAGE
from atdm_core.values import Delivery
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When

STARTED = ["reset_started"]
COMPLETED = ["reset_started", "reset_completed"]
FAILED = ["reset_started", "reset_failed"]


async def strategy_of(house: House, name: str = "reset_all") -> str:
    """The id of the only strategy of this name."""
    (trail,) = [trail for trail in await house.out.log.strategies(10) if name in trail.run_id]
    return trail.run_id


async def reset_all(house: House) -> None:
    """Take everything back, as the one who runs the servers."""
    await house.engine.apply("reset_all", "human:ops", {})


async def end_of(house: House, outcome: Outcome) -> tuple[str, str, object]:
    """Action, invoker and outputs of a run's last event."""
    event = (await house.trail(outcome.test_run_id)).events[-1]
    return event.action, event.invoker, event.outputs


async def test_runs_say_that_they_were_taken_back(house: House) -> None:
    """After a reset of all each run is cleaned by whom it names; what has ended before, or was never seeded, stays."""
    ready = [await house.ask(), await house.ask(ttl_seconds=60)]
    ended = await house.ask()
    await house.engine.reset(ended.test_run_id, ended.cleanup.cleanup_token, "human:ann")
    unseeded = await house.ask(delivery=Delivery(seed_target=False))
    before = await house.actions(ended.test_run_id)
    await reset_all(house)
    by = await strategy_of(house)
    for outcome in ready:
        told = {"strategy": "reset_all", "audit_run_id": by}
        assert await end_of(house, outcome) == ("reset_completed", "human:ops", told)
        assert await house.status(outcome.test_run_id) == "cleaned"
    assert await house.actions(ended.test_run_id) == before
    assert await house.status(unseeded.test_run_id) == "ready"
    assert house.open_runs() == set()
    assert await house.actions(by) == COMPLETED


async def test_many_runs_are_told_page_by_page(house: House) -> None:
    """More runs than are asked for at once are all told."""
    outcomes = [await house.ask() for _ in range(PAGE + 3)]
    await reset_all(house)
    assert {(await end_of(house, outcome))[0] for outcome in outcomes} == {"reset_completed"}
    assert house.weather.calls.count("database.taken_back") == 2


async def test_run_of_a_restored_baseline_keeps_its_token(house: House) -> None:
    """A run whose rows a baseline brings back can be reset as before; one without rows says that it was taken back."""
    kept = await house.ask()
    await house.engine.apply("baseline_snapshot", "human:ops", {})
    later = await house.ask()
    await house.engine.apply("baseline_restore", "human:ops", {})
    told = {"strategy": "baseline_restore", "audit_run_id": await strategy_of(house, "baseline_restore")}
    assert await end_of(house, later) == ("reset_completed", "human:ops", told)
    assert await house.status(kept.test_run_id) == "ready"
    assert house.rows() == 2
    reset = await house.engine.reset(kept.test_run_id, kept.cleanup.cleanup_token, "human:ann")
    assert (reset.status, house.rows()) == ("cleaned", 0)


async def test_run_of_a_restored_baseline_is_taken_back_with_all(house: House) -> None:
    """A run whose rows a baseline brought back says so when a reset of all takes them."""
    kept = await house.ask()
    for strategy in ("baseline_snapshot", "baseline_restore", "reset_all"):
        await house.engine.apply(strategy, "human:ops", {})
    told = {"strategy": "reset_all", "audit_run_id": await strategy_of(house)}
    assert await end_of(house, kept) == ("reset_completed", "human:ops", told)


@pytest.mark.parametrize(
    ("call", "when", "skip", "told", "invoker"),
    [
        ("log.append", "before", 0, FAILED, RECOVERER),
        ("log.append", "after", 0, FAILED, RECOVERER),
        ("database.delete_all", "before", 0, FAILED, RECOVERER),
        ("database.delete_all", "after", 0, COMPLETED, RECOVERER),
        ("log.append", "before", 1, COMPLETED, RECOVERER),
        ("log.append", "after", 1, COMPLETED, "human:ops"),
        ("database.taken_back", "before", 0, COMPLETED, "human:ops"),
        ("log.append", "before", 2, COMPLETED, "human:ops"),
        ("log.append", "after", 2, COMPLETED, "human:ops"),
        ("log.close", "before", 0, COMPLETED, "human:ops"),
    ],
)
async def test_death_at_every_step(
    house: House, *, call: str, when: When, skip: int, told: list[str], invoker: str
) -> None:
    """Wherever its process dies, the strategy gets the end it had in the target, and its runs say the same."""
    outcome, other = await house.ask(), house.neighbour()
    await house.dies(call, when, reset_all(house), skip=skip)
    await other.recover()
    by = await strategy_of(house)
    assert await house.actions(by) == told
    assert (await house.trail(by)).events[-1].invoker == invoker
    assert await house.status(outcome.test_run_id) == ("cleaned" if told == COMPLETED else "ready")
    assert house.rows() == (0 if told == COMPLETED else 2)
    assert house.open_runs() == set()
    await reset_all(other)
    assert await house.status(outcome.test_run_id) == "cleaned"


async def test_strategy_that_comes_too_late_is_refused(house: House) -> None:
    """What recovery has given up the target does not do any more: rows that came after stay."""
    held, go = house.weather.holds("database.delete_all", "before")
    late, other = asyncio.create_task(reset_all(house)), house.neighbour()
    await asyncio.wait_for(held.wait(), 5)
    await other.recover()
    await other.ask()
    go.set()
    with pytest.raises(ResetFailed):
        await late
    assert house.rows() == 2
    assert await house.actions(await strategy_of(house)) == FAILED


async def test_lost_answer_is_corrected(house: House) -> None:
    """A strategy whose answer was lost is told as failed, and as completed once recovery has asked the target."""
    outcome = await house.ask()
    house.weather.fails("database.delete_all", TargetUnreachable("gone"), when="after")
    with pytest.raises(TargetUnreachable) as failed:
        await reset_all(house)
    by = failed.value.run_id or ""
    assert await house.actions(by) == FAILED
    await house.recover()
    assert await house.actions(by) == [*FAILED, "reset_completed"]
    assert await house.status(outcome.test_run_id) == "cleaned"
    assert house.open_runs() == set()


async def test_refusal_is_final(house: House) -> None:
    """A strategy that the target refused has failed, and nobody looks at it again."""
    await house.ask()
    house.weather.fails("database.delete_all", ResetFailed("no"))
    with pytest.raises(ResetFailed):
        await reset_all(house)
    assert house.open_runs() == set()
    del house.weather.calls[:]
    await house.recover()
    assert "target.describe" not in house.weather.calls


@pytest.mark.parametrize("when", ["before", "after"])
async def test_snapshot_that_was_kept_is_told(house: House, when: When) -> None:
    """A snapshot whose process died is completed when its baseline is there, and has failed when it is not."""
    await house.ask()
    keeps = house.out.baselines.save
    if when == "before":

        async def dies(*_: object) -> None:
            house.weather.dead = True
            raise asyncio.CancelledError

        house.out.baselines.save = dies  # pyright: ignore[reportAttributeAccessIssue]
    else:
        house.weather.dies("log.append", "before", skip=1)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - a death, or what it is taken for
        await house.engine.apply("baseline_snapshot", "human:ops", {})
    house.out.baselines.save = keeps
    await house.neighbour().recover()
    end = "snapshot_failed" if when == "before" else "snapshot_completed"
    assert await house.actions(await strategy_of(house, "snapshot")) == ["snapshot_started", end]


async def test_store_that_is_away_leaves_the_rest_to_recovery(house: House) -> None:
    """Where runs cannot be told, the strategy is answered all the same, and they are told later."""
    outcome = await house.ask()
    house.weather.fails("log.read", StoreUnavailable("away"))
    await reset_all(house)
    assert await house.status(outcome.test_run_id) == "ready"
    await house.recover()
    assert await house.status(outcome.test_run_id) == "cleaned"
    assert house.open_runs() == set()


async def test_run_that_is_not_decided_yet_is_told_when_it_is(house: House) -> None:
    """A run whose rows went before its record was there says so after all."""
    held, go = house.weather.holds("target.seed")
    asked, other = asyncio.create_task(house.ask()), house.neighbour()
    await asyncio.wait_for(held.wait(), 5)
    await reset_all(other)
    go.set()
    outcome = await asked
    assert await house.status(outcome.test_run_id) == "ready"
    await other.recover()
    assert await house.status(outcome.test_run_id) == "cleaned"
    assert house.open_runs() == set()


async def test_runs_of_another_store_are_left_alone(house: House) -> None:
    """A run that this store knows nothing of does not keep a strategy from coming to its end."""
    stranger = await house.ask()
    house.out.log = type(house.out.log)()
    alone = house.neighbour()
    await reset_all(alone)
    await alone.recover()
    assert alone.open_runs() == set()
    assert await alone.actions(stranger.test_run_id) == []


async def test_long_strategy_says_that_it_is_alive(house: House) -> None:
    """A strategy that takes long marks itself as open again and again, so that nobody takes it for dead."""
    busy, other = house.neighbour(grace=0.04), house.neighbour()
    held, go = busy.weather.holds("database.delete_all", "before")
    slow = asyncio.create_task(reset_all(busy))
    await asyncio.wait_for(held.wait(), 5)
    await other.sweep()
    busy.weather.ends_anew("log.open")
    await busy.weather.ended("log.open")
    await other.sweep(after=GRACE)
    go.set()
    await slow
    assert await house.actions(await strategy_of(house)) == COMPLETED
