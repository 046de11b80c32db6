"""The time of a run: the reaper takes back what is due, once, and an extension wins or loses whole."""

import asyncio
from datetime import timedelta

import pytest

from atdm_core import Outcome
from atdm_core.catalog import expiry_of
from atdm_core.errors import (
    InvalidRequest,
    ResetFailed,
    RunGone,
    RunNotFound,
    TargetUnreachable,
    TokenMismatch,
)
from atdm_core.expiry import REAPER
from atdm_core.recovery import GRACE, RECOVERER
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When

TTL = 300
COUNTS = {"customer": 1, "order": 1}


async def extended(house: House, outcome: Outcome, ttl_seconds: int = TTL) -> str:
    """Extend a run as its owner; when it is over, as the catalog tells it afterwards."""
    await house.engine.extend(outcome.test_run_id, outcome.cleanup.cleanup_token, ttl_seconds, "human:ann")
    return await house.status(outcome.test_run_id) or ""


async def expired_once(house: House, run_id: str) -> None:
    """Assert that the run is taken back by its time, and recorded once with what was deleted."""
    assert await house.status(run_id) == "expired"
    assert house.rows() == 0
    assert house.open_runs() == set()
    assert (await house.actions(run_id)).count("run_expired") == 1


async def test_due_runs_are_taken_back(house: House) -> None:
    """A run whose time is up loses its rows and is recorded as expired; others stay."""
    due, kept = await house.ask(ttl_seconds=TTL), await house.ask(ttl_seconds=TTL + 1)
    await house.ask()
    await house.sweep(after=TTL - 1)
    assert house.rows() == 6
    await house.sweep(after=1)
    assert house.rows() == 4
    event = (await house.trail(due.test_run_id)).events[-1]
    assert (event.action, event.invoker, event.status) == ("run_expired", REAPER, "expired")
    assert event.outputs == {"deleted_counts": COUNTS, "residue": []}
    opened, closed = house.out.log.noted[-2:]
    assert (opened.state, closed.state) == ("expiring", "expired")
    assert closed.head == (await house.trail(due.test_run_id)).head.hex()
    assert await house.status(kept.test_run_id) == "ready"


async def test_two_reapers_at_once(house: House) -> None:
    """Two processes that find the same run due take it back once, and the record has what was deleted."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    held, go = house.weather.holds("target.expire")
    first = asyncio.create_task(house.sweep(after=TTL))
    await asyncio.wait_for(held.wait(), 5)
    await other.sweep()
    other_gate = other.weather.holds("target.expire", "before")
    go.set()
    other_gate[1].set()
    await first
    await other.sweep()
    await expired_once(house, outcome.test_run_id)
    event = (await house.trail(outcome.test_run_id)).events[-1]
    assert event.outputs["deleted_counts"] == COUNTS


async def test_reaper_that_comes_second_leaves_the_record_to_the_first(house: House) -> None:
    """A process that finds the rows gone already does not record them as none."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    late, go_late = other.weather.holds("target.expire", "before")
    held, go = house.weather.holds("target.expire")
    house.out.seconds += TTL
    sweeps = asyncio.gather(other.sweep(), house.sweep())
    await asyncio.wait_for(late.wait(), 5)
    await asyncio.wait_for(held.wait(), 5)
    go_late.set()
    await other.weather.ended("log.close")
    go.set()
    await sweeps
    await expired_once(house, outcome.test_run_id)
    event = (await house.trail(outcome.test_run_id)).events[-1]
    assert event.outputs["deleted_counts"] == COUNTS


async def test_what_was_created_under_an_expired_run_is_told(house: House) -> None:
    """The record of an expiry tells the rows that nobody seeded, as that of a reset does."""
    outcome = await house.ask(ttl_seconds=TTL)
    under = {"order_id": "new", "customer_id": outcome.data["customer_id"], "test_run_id": outcome.test_run_id}
    house.out.target.tables["order"]["new"] = under
    await house.sweep(after=TTL)
    (residue,) = (await house.trail(outcome.test_run_id)).events[-1].outputs["residue"]
    assert (residue["table"], residue["key"]) == ("order", {"order_id": "new"})


async def test_extension_is_answered_recorded_and_told(house: House) -> None:
    """An extension counts from now; catalog and the repeated answer tell the new end."""
    outcome = await house.ask("key", ttl_seconds=TTL)
    house.out.seconds += TTL - 1
    token = outcome.cleanup.cleanup_token
    end = await house.engine.extend(outcome.test_run_id, token, 2 * TTL, "human:ann")
    assert end == house.out.now() + timedelta(seconds=2 * TTL)
    event = (await house.trail(outcome.test_run_id)).events[-1]
    assert (event.action, event.inputs) == ("ttl_extended", {"ttl_seconds": 2 * TTL})
    row = await house.out.catalog.find(outcome.test_run_id)
    assert row is not None
    assert (await house.ask("key", ttl_seconds=TTL)).cleanup.expires_at == end
    await house.sweep(after=TTL)
    assert await house.status(outcome.test_run_id) == "ready"


async def test_extension_that_wins(house: House) -> None:
    """A run that is extended between being found due and being taken back stays whole."""
    outcome = await house.ask(ttl_seconds=TTL)
    held, go = house.weather.holds("target.expire", "before")
    sweep = asyncio.create_task(house.sweep(after=TTL))
    await asyncio.wait_for(held.wait(), 5)
    assert await extended(house, outcome) == "ready"
    go.set()
    await sweep
    assert house.rows() == 2
    assert await house.status(outcome.test_run_id) == "ready"
    assert house.open_runs() == set()
    assert house.out.log.noted[-1].state == "kept"


async def test_extension_that_loses(house: House) -> None:
    """A run that is taken back while it is extended is gone, and the extension is told and not recorded."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    held, go = house.weather.holds("target.extend", "before")
    extension = asyncio.create_task(extended(house, outcome))
    await asyncio.wait_for(held.wait(), 5)
    await other.sweep(after=TTL)
    go.set()
    with pytest.raises(RunGone):
        await extension
    await expired_once(house, outcome.test_run_id)
    assert "ttl_extended" not in await house.actions(outcome.test_run_id)


@pytest.mark.parametrize("by", ["reset", "expiry"])
async def test_extension_that_comes_too_late(house: House, by: str) -> None:
    """A run that has been taken back cannot be extended, and the message says what it is."""
    outcome = await house.ask(ttl_seconds=TTL)
    if by == "reset":
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    else:
        await house.sweep(after=TTL)
    with pytest.raises(RunGone, match=r"is (cleaned|expired) and cannot be extended; ask for the data again"):
        await extended(house, outcome)
    assert "target.extend" not in house.weather.calls


async def test_extension_needs_the_token(house: House) -> None:
    """An extension with a wrong token is refused and recorded; one of an unknown run, or of a path, is refused."""
    outcome = await house.ask(ttl_seconds=TTL)
    with pytest.raises(TokenMismatch):
        await house.engine.extend(outcome.test_run_id, "wrong", TTL, "agent:7")
    event = (await house.trail(outcome.test_run_id)).events[-1]
    assert (event.action, event.invoker, event.status) == ("extend_rejected", "agent:7", "rejected")
    assert (house.out.log.noted[-1].kind, house.out.log.noted[-1].state) == ("denied", "extend")
    assert "target.extend" not in house.weather.calls
    with pytest.raises(RunNotFound):
        await house.engine.extend("nobody", "token", TTL, "x")
    with pytest.raises(InvalidRequest):
        await house.engine.extend("../x", "token", TTL, "x")


async def test_reset_after_the_expiry(house: House) -> None:
    """A reset of a run whose time was up says that it is clean, and adds nothing."""
    outcome = await house.ask(ttl_seconds=TTL)
    await house.sweep(after=TTL)
    before = await house.actions(outcome.test_run_id)
    reset = await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert reset.status == "already_cleaned"
    assert await house.actions(outcome.test_run_id) == before


async def test_reset_during_the_expiry(house: House) -> None:
    """A run that is reset while its time is up is taken back once, whichever of the two records it."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    held, go = other.weather.holds("target.delete")
    token = outcome.cleanup.cleanup_token
    reset = asyncio.create_task(other.engine.reset(outcome.test_run_id, token, "human:ann"))
    await asyncio.wait_for(held.wait(), 5)
    await house.sweep(after=TTL)
    go.set()
    assert (await reset).deleted_counts == COUNTS
    assert await house.status(outcome.test_run_id) == "cleaned"
    assert house.open_runs() == set()


async def test_expiry_that_is_carried_out_late(house: House) -> None:
    """A reaper whose first try is carried out while it makes its second records the end, as nobody else would."""
    outcome = await house.ask(ttl_seconds=TTL)
    house.weather.fails("target.expire", TargetUnreachable("away"))
    await house.sweep(after=TTL)
    held, go = house.weather.holds("target.expire", "before")
    second = asyncio.create_task(house.sweep())
    await asyncio.wait_for(held.wait(), 5)
    await house.out.target.expire(outcome.test_run_id)
    go.set()
    await second
    assert await house.status(outcome.test_run_id) == "expired"
    assert house.open_runs() == set()


async def test_reset_that_the_expiry_overtakes(house: House) -> None:
    """A reset whose rows the reaper deletes and records first says that the run is clean already, as its trail."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    held, go = other.weather.holds("target.delete", "before")
    token = outcome.cleanup.cleanup_token
    reset = asyncio.create_task(other.engine.reset(outcome.test_run_id, token, "human:ann"))
    await asyncio.wait_for(held.wait(), 5)
    await house.sweep(after=TTL)
    go.set()
    assert (await reset).status == "already_cleaned"
    assert await house.status(outcome.test_run_id) == "expired"
    assert house.open_runs() == set()


@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("log.open", "before"),
        ("log.open", "after"),
        ("target.expire", "before"),
        ("target.expire", "after"),
        ("log.append", "before"),
        ("log.append", "after"),
        ("log.close", "before"),
    ],
)
async def test_death_during_an_expiry(house: House, call: str, when: When) -> None:
    """An expiry whose server died at any step is ended by another."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    house.out.seconds += TTL
    await house.dies(call, when, house.sweep())
    await other.recover()
    await expired_once(other, outcome.test_run_id)
    assert other.reports == []


async def test_extension_saves_a_run_whose_reaper_died(house: House) -> None:
    """A run that was found due by a process that died, and extended since, is kept by recovery."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    house.out.seconds += TTL
    await house.dies("target.expire", "before", house.sweep())
    assert await extended(other, outcome, 10 * TTL) == "ready"
    await other.recover()
    assert house.rows() == 2
    assert await house.status(outcome.test_run_id) == "ready"
    assert house.open_runs() == set()


async def test_target_that_is_away_is_asked_again(house: House) -> None:
    """A target that loses the answer to an expiry has it recorded once the grace is over."""
    outcome = await house.ask(ttl_seconds=TTL)
    house.weather.fails("target.expire", TargetUnreachable("away"), when="after")
    await house.sweep(after=TTL)
    assert house.reports == [(outcome.test_run_id, "TARGET_UNREACHABLE")]
    await house.recover()
    await expired_once(house, outcome.test_run_id)


async def test_run_that_cannot_expire_does_not_pile_up(house: House) -> None:
    """A run that the target will not delete is tried once a round, by each process, however long it lasts."""
    outcome, other = await house.ask(ttl_seconds=TTL), await house.ask(ttl_seconds=TTL)
    refused = ResetFailed("rows of others point at them")
    house.out.seconds += TTL
    for _ in range(5):
        house.weather.fails("target.expire", refused)
        del house.weather.calls[:]
        await house.sweep(after=GRACE)
        assert house.weather.calls.count("target.expire") <= 2
    assert house.reports == [(outcome.test_run_id, "RESET_FAILED")] * 5
    assert await house.status(other.test_run_id) == "expired"
    assert house.open_runs() == set()
    await house.sweep()
    await expired_once(house, outcome.test_run_id)


async def test_expiries_without_an_answer_do_not_pile_up(house: House) -> None:
    """A run whose expiry is never answered has a mark of each round, and is settled once a round all the same."""
    outcome = await house.ask(ttl_seconds=TTL)
    house.weather.fails("target.expire", TargetUnreachable("away"), times=1000)
    await house.sweep(after=TTL)
    for _ in range(5):
        del house.weather.calls[:]
        await house.sweep(after=GRACE)
        assert house.weather.calls.count("target.expire") <= 2
    house.weather.clears()
    await house.sweep()
    await expired_once(house, outcome.test_run_id)


async def test_unforeseen_error_saves_no_other_run(house: House) -> None:
    """What goes wrong with one due run is reported, and the others are taken back."""
    for _ in range(2):
        await house.ask(ttl_seconds=TTL)
    house.weather.fails("target.expire", RuntimeError("nobody foresaw this"))
    await house.sweep(after=TTL)
    assert house.rows() == 2
    assert [code for _, code in house.reports] == ["RuntimeError"]


async def test_undecided_run_is_not_expired(house: House) -> None:
    """A run whose time is up before it is decided is left to those who serve it."""
    other = house.neighbour()
    held, go = house.weather.holds("log.append", "before")
    request = asyncio.create_task(house.ask(ttl_seconds=TTL))
    await asyncio.wait_for(held.wait(), 5)
    house.out.seconds += TTL
    await other.engine._reaper.sweep()  # pyright: ignore[reportPrivateUsage]
    assert house.rows() == 2
    go.set()
    outcome = await request
    await other.sweep()
    await expired_once(house, outcome.test_run_id)


@pytest.mark.parametrize(
    ("call", "when"), [("target.extend", "after"), ("log.append", "before"), ("log.close", "before")]
)
async def test_extension_whose_process_died_is_told(house: House, call: str, when: When) -> None:
    """An extension that the target has and whose process never said so is recorded by another, once."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    await house.dies(call, when, extended(house, outcome, 2 * TTL))
    end = house.out.now() + timedelta(seconds=2 * TTL)
    await other.recover()
    told = [event for event in (await house.trail(outcome.test_run_id)).events if event.action == "ttl_extended"]
    assert [event.outputs["expires_at"] for event in told] == [end.isoformat().replace("+00:00", "Z")]
    assert told[0].invoker == ("human:ann" if call == "log.close" else RECOVERER)
    assert house.open_runs() == set()


@pytest.mark.parametrize(("call", "when"), [("log.open", "after"), ("target.extend", "before")])
async def test_extension_that_never_came_is_not_told(house: House, call: str, when: When) -> None:
    """An extension that the target has never heard of leaves the trail as it is."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    before = await house.actions(outcome.test_run_id)
    await house.dies(call, when, extended(house, outcome, 2 * TTL))
    await other.recover()
    assert await house.actions(outcome.test_run_id) == before
    assert house.open_runs() == set()


async def test_lost_answer_to_an_extension_is_told(house: House) -> None:
    """An extension whose answer was lost is recorded, also of a run that had no time before."""
    outcome = await house.ask()
    house.weather.fails("target.extend", TargetUnreachable("gone"), when="after")
    with pytest.raises(TargetUnreachable):
        await extended(house, outcome)
    await house.recover()
    assert (await house.actions(outcome.test_run_id))[-1] == "ttl_extended"
    await house.sweep(after=TTL)
    assert await house.status(outcome.test_run_id) == "expired"
    assert house.open_runs() == set()


async def test_reset_between_an_extension_and_its_recovery(house: House) -> None:
    """A run that was taken back before recovery looks gets no other time."""
    outcome, other = await house.ask(ttl_seconds=TTL), house.neighbour()
    await house.dies("target.extend", "after", extended(house, outcome, 2 * TTL))
    await other.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "human:ann")
    await other.recover()
    assert (await house.actions(outcome.test_run_id))[-1] == "reset_completed"
    assert house.open_runs() == set()


async def test_two_extensions_at_once_end_as_the_target_has_it(house: House) -> None:
    """Of two extensions the trail tells last the one that the target had last, whoever records first."""
    outcome, other = await house.ask(), house.neighbour()
    held, go = house.weather.holds("target.extend")
    first = asyncio.create_task(extended(house, outcome, 10 * TTL))
    await asyncio.wait_for(held.wait(), 5)
    await extended(other, outcome, TTL)
    go.set()
    await first
    entry = await house.out.target.describe(outcome.test_run_id)
    assert entry is not None
    assert entry.expires_at == house.out.now() + timedelta(seconds=TTL)
    assert expiry_of((await house.trail(outcome.test_run_id)).events) == entry.expires_at
    assert house.open_runs() == set()
