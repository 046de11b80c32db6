"""The engine when each of its surroundings fails at each call: what is answered, what is recorded, what is left."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from atdm_core import AtdmError, Outcome
from atdm_core.errors import GeneratorFailed, SeedFailed, StoreUnavailable, TargetUnreachable
from atdm_core.values import Delivery
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When

STORE_AWAY = StoreUnavailable("the store is away")
TARGET_AWAY = TargetUnreachable("the target is away")
OPENED = ["request_received", "plan_resolved", "validators_passed", "seed_started"]
SEEDED = [*OPENED, "seed_completed"]
UNDONE = ["seed_failed", "rollback_completed"]
CLEANED = [*SEEDED, "fixtures_emitted", "catalog_recorded", "reset_started", "reset_completed"]


class Fault(NamedTuple):
    """Which call fails how, and what the run's trail and status are afterwards."""

    call: str
    error: AtdmError
    when: When
    actions: list[str]
    status: str


def named(fault: Fault) -> str:
    """How a fault reads in the list of tests."""
    return f"{fault.call}-{type(fault.error).__name__}-{fault.when}"


async def refused(house: House, key: str | None = None) -> AtdmError:
    """The error that a request ends in."""
    with pytest.raises(AtdmError) as refusal:
        await house.ask(key)
    return refusal.value


@pytest.mark.parametrize(
    "fault",
    [
        Fault("target.seed", SeedFailed("refused"), "before", [*OPENED, *UNDONE], "rolled_back"),
        Fault("target.seed", TARGET_AWAY, "before", [*OPENED, *UNDONE], "rolled_back"),
        Fault("target.seed", TARGET_AWAY, "after", [*OPENED, *UNDONE], "rolled_back"),
        Fault("catalog.record", STORE_AWAY, "before", CLEANED, "cleaned"),  # the record that it is ready was quicker
        Fault("catalog.record", STORE_AWAY, "after", CLEANED, "cleaned"),
        Fault("log.append", STORE_AWAY, "before", [*SEEDED, *UNDONE], "rolled_back"),
        Fault("log.append", STORE_AWAY, "after", CLEANED, "cleaned"),
    ],
    ids=named,
)
async def test_a_failed_request_leaves_no_rows(house: House, fault: Fault) -> None:
    """Wherever a request fails once it is open, its rows are gone, the record says so, the error names the run."""
    house.weather.fails(fault.call, fault.error, when=fault.when)
    answer = await refused(house)
    assert answer is fault.error
    assert answer.run_id is not None
    assert await house.actions(answer.run_id) == fault.actions
    assert house.rows() == 0
    assert house.open_runs() == set()
    assert await house.status(answer.run_id) == fault.status
    assert house.reports == []


async def test_row_that_fails_before_the_seed_ends_rolls_back(house: House) -> None:
    """A run whose row could not be stored while the target was at work is not recorded as ready first."""
    house.weather.fails("catalog.record", STORE_AWAY)
    held, go = house.weather.holds("target.seed")
    task = asyncio.create_task(refused(house))
    await asyncio.wait_for(held.wait(), 5)
    go.set()
    run_id = (await task).run_id
    assert run_id is not None
    assert await house.actions(run_id) == [*SEEDED, *UNDONE]
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_the_failure_is_in_the_trail(house: House) -> None:
    """The event of the failure says what failed, with the target's own details; what was deleted stands after it."""
    house.weather.fails("target.seed", SeedFailed("the target refused: no", target_code="CONSTRAINT_VIOLATED"))
    run_id = (await refused(house)).run_id
    assert run_id is not None
    *_, event, completed = (await house.engine.trail(run_id)).events
    assert (completed.action, completed.outputs) == ("rollback_completed", {"deleted_counts": {}})
    assert (event.action, event.status) == ("seed_failed", "rolled_back")
    assert event.outputs["error"] == {
        "code": "SEED_FAILED",
        "message": "the target refused: no",
        "details": {"target_code": "CONSTRAINT_VIOLATED"},
    }


async def test_an_unforeseen_error_is_undone_too(house: House) -> None:
    """An error that nobody foresaw undoes the run as well, and the trail tells its kind and not its text."""
    house.weather.fails("target.seed", RuntimeError("password=hunter2"), when="after")
    with pytest.raises(RuntimeError):
        await house.ask()
    trail = await house.engine.trail(house.only_run())
    assert trail.status == "rolled_back"
    assert trail.events[-2].outputs["error"]["code"] == "INTERNAL_ERROR"
    assert "hunter2" not in repr(trail)
    assert house.rows() == 0


async def test_fixtures_that_cannot_be_written_undo_the_run(house: House) -> None:
    """A fixture folder that cannot be written to leaves no rows, and no fixture in the trail."""
    house.fixture_folder.write_text("in the way")
    with pytest.raises(OSError, match="exists"):
        await house.ask(delivery=Delivery(return_pytest_fixture=True))
    assert await house.actions(house.only_run()) == [*SEEDED, *UNDONE]
    assert house.rows() == 0


async def test_fixtures_come_again_with_the_answer(house: House) -> None:
    """A run that is kept for its key has its fixtures when it is asked for again, and none once it is taken back."""
    both = Delivery(return_playwright_fixture=True, return_pytest_fixture=True)
    expected = await house.ask("other key", delivery=both, seed=7)
    named = [Path(path).suffix for path in expected.fixtures.written()]
    house.weather.fails("log.append", STORE_AWAY, when="after")
    with pytest.raises(StoreUnavailable):
        await house.ask("key", delivery=both)
    outcome = await house.ask("key", delivery=both)
    files = [Path(path) for path in outcome.fixtures.written()]
    assert [file.suffix for file in files] == named
    assert all(outcome.cleanup.cleanup_token in file.read_text() for file in files)
    await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    for file in files:
        file.unlink()
    assert (await house.ask("key", delivery=both)).test_run_id == outcome.test_run_id
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fixtures_of_an_undone_run_are_removed(house: House, when: When) -> None:
    """When the record of a run fails after its fixtures were written, no fixture stays."""
    house.weather.fails("log.append", STORE_AWAY, when=when)
    with pytest.raises(StoreUnavailable):
        await house.ask(delivery=Delivery(return_playwright_fixture=True, return_pytest_fixture=True))
    assert list(house.fixture_folder.iterdir()) == []
    assert house.rows() == 0


@pytest.mark.parametrize("call", ["claims.claim", "log.append", "catalog.record"])
async def test_store_that_fails_before_the_target_is_touched(house: House, call: str) -> None:
    """A store that fails at the claim, or at the record of a rejection, is told; there is nothing to undo."""
    house.weather.fails(call, STORE_AWAY)
    constraints = {} if call == "claims.claim" else {"order_status": "open", "tier": "plain"}
    with pytest.raises(StoreUnavailable):
        await house.ask("key", constraints=constraints)
    assert not {"target.seed", "target.delete"} & set(house.weather.calls)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_opening_that_fails_undoes_nothing(house: House, when: When) -> None:
    """A run that could not be opened is told at once: nothing was written, and a mark that stands is settled later."""
    house.weather.fails("log.open", STORE_AWAY, when=when)
    await refused(house)
    assert house.weather.calls == ["log.open"]
    await house.recover()
    assert house.open_runs() == set()
    assert house.rows() == 0


async def test_target_that_comes_back_loses_the_rows(house: House) -> None:
    """A target that took the rows and went away loses them in the first round after it is back."""
    house.weather.fails("target.seed", TARGET_AWAY, when="after")
    house.weather.fails("target.delete", TARGET_AWAY, times=3)
    run_id = (await refused(house)).run_id
    assert run_id is not None
    assert await house.status(run_id) == "rolled_back"
    for _ in range(2):
        await house.sweep()
        assert house.rows() == 2
    await house.sweep()
    assert await house.actions(run_id) == [*OPENED, *UNDONE]
    assert house.rows() == 0
    assert house.open_runs() == set()
    assert house.reports == [(run_id, "TARGET_UNREACHABLE")] * 3
    assert await house.engine.close() == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_store_that_comes_back_gets_the_record(house: House, when: When) -> None:
    """A store that is away while the failure is recorded gets it once it is back, and only once."""
    house.weather.fails("target.seed", TARGET_AWAY, when="after")
    house.weather.fails("log.append", STORE_AWAY, when=when, times=1)
    house.weather.fails("catalog.record", STORE_AWAY, when=when, times=2)
    run_id = (await refused(house)).run_id
    assert run_id is not None
    for _ in range(2):
        await house.sweep()
    assert await house.actions(run_id) == [*OPENED, *UNDONE]
    assert await house.status(run_id) == "rolled_back"
    assert house.rows() == 0
    assert house.reports == [(run_id, "STORE_UNAVAILABLE")] * 2


async def test_decide_before_wiping(house: House) -> None:
    """A failed run is recorded as such before its rows are deleted, so that no record can come after the delete."""
    house.weather.fails("target.seed", TARGET_AWAY, when="after")
    await refused(house)
    assert house.weather.calls == [
        "log.open",
        "target.seed",
        "catalog.record",
        "log.append",
        "catalog.record",
        "target.delete",
        "log.append",
        "log.close",
    ]


async def test_rolled_back_key_is_told(house: House) -> None:
    """A key whose run was rolled back is told so, and to take a new one; nothing is seeded again."""
    house.weather.fails("target.seed", TARGET_AWAY)
    first = await refused(house, "key")
    second = await refused(house, "key")
    assert isinstance(second, SeedFailed)
    assert "with a new Idempotency-Key" in second.message
    assert second.run_id == first.run_id
    assert house.rows() == 0
    assert isinstance(await house.ask("new key"), Outcome)


@pytest.mark.parametrize("call", ["claims.claim", "log.open", "catalog.record", "log.append"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_key_is_never_stuck(house: House, call: str, when: When) -> None:
    """Whatever of the record fails, the request sent again is answered: with its rows, or that it was rolled back."""
    house.weather.fails(call, STORE_AWAY, when=when)
    await refused(house, "key")
    rows = 0
    with suppress(SeedFailed):  # a key that is in progress would be another error
        await house.ask("key")
        rows = 2
    assert house.rows() == rows
    await house.recover()
    assert house.rows() == rows
    assert house.open_runs() == set()


async def test_key_whose_record_stands_keeps_its_rows(house: House) -> None:
    """A record whose answer was lost may have answered the request sent again, so that its rows stay."""
    house.weather.fails("log.append", STORE_AWAY, when="after")
    run_id = (await refused(house, "key")).run_id
    outcome = await house.ask("key")
    assert outcome.test_run_id == run_id
    assert await house.status(outcome.test_run_id) == "ready"
    assert house.rows() == 2
    assert house.open_runs() == set()
    assert (await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")).status == "cleaned"


async def test_lost_record_is_reset_once_the_target_is_back(house: House) -> None:
    """Rows of a record whose answer was lost go the ordinary way, and a target that is away adds no events to it."""
    house.weather.fails("log.append", STORE_AWAY, when="after")
    house.weather.fails("target.delete", TARGET_AWAY, times=3)
    run_id = (await refused(house)).run_id
    assert run_id is not None
    for _ in range(3):
        await house.sweep()
    assert await house.actions(run_id) == CLEANED
    assert house.rows() == 0
    assert house.open_runs() == set()


@pytest.mark.parametrize("call", ["target.seed", "log.append", "catalog.record"])
async def test_cancelled_request_leaves_no_rows(house: House, call: str) -> None:
    """A request whose caller hangs up is undone, whatever it was doing."""
    held, go = house.weather.holds(call)
    task = asyncio.create_task(house.ask())
    await asyncio.wait_for(held.wait(), 5)
    task.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.weather.ended("log.close")
    assert await house.status(house.only_run()) in ("rolled_back", "cleaned")
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_cancelled_twice_is_still_undone(house: House) -> None:
    """A caller that hangs up again while the run is being undone does not stop that."""
    held, go = house.weather.holds("target.delete")
    house.weather.fails("target.seed", TARGET_AWAY, when="after")
    task = asyncio.create_task(house.ask())
    await asyncio.wait_for(held.wait(), 5)
    task.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.weather.ended("log.close")
    assert house.rows() == 0


async def test_generator_at_fault_leaves_no_trace(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that makes what its entities do not allow is told on before anything is opened."""

    def broken(*_: object) -> None:
        raise GeneratorFailed("generate_order: order.items holds integers outside 1 to 9")

    monkeypatch.setattr("atdm_core.engine.generate", broken)
    assert isinstance(await refused(house), GeneratorFailed)
    assert house.weather.calls == []
