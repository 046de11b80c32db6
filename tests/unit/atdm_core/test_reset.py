"""Taking a run back."""

import asyncio

import msgspec
import pytest

from atdm_core.audit import Trail
from atdm_core.errors import AtdmError, ResetFailed, StoreUnavailable, TargetUnreachable, TokenMismatch, TrailConflict
from atdm_core.recent import MOST
from atdm_core.reset import residue_of
from atdm_core.values import Deletion, Residue
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.weather import When


async def test_reset_deletes_and_records(house: House) -> None:
    """A reset records its start before the target deletes, tells what was deleted, and closes the run."""
    outcome = await house.ask()
    del house.weather.calls[:]
    reset = await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "agent:7")
    assert reset.status == "cleaned"
    assert reset.deleted_counts == {"customer": 1, "order": 1}
    # The process that served the request reads nothing to take it back.
    assert house.weather.calls == ["log.open", "log.append", "target.delete", "log.append", "log.close"]
    opened, closed = house.out.log.noted[-2:]
    assert (opened.state, opened.invoker) == ("resetting", "agent:7")
    assert (closed.state, closed.head) == ("cleaned", (await house.trail(outcome.test_run_id)).head.hex())
    view = await house.engine.trail(outcome.test_run_id)
    assert [(e.action, e.invoker) for e in view.events[-2:]] == [
        ("reset_started", "agent:7"),
        ("reset_completed", "agent:7"),
    ]
    assert view.events[-1].outputs == {
        "strategy": "reset_run",
        "deleted_counts": {"customer": 1, "order": 1},
        "residue": [],
    }
    assert view.status == "cleaned"


async def test_reset_again_is_harmless(house: House) -> None:
    """A second reset says so, adds no event, and does not touch the target."""
    outcome = await house.ask()
    token = outcome.cleanup.cleanup_token
    await house.engine.reset(outcome.test_run_id, token, "x")
    before = await house.actions(outcome.test_run_id)
    again = await house.engine.reset(outcome.test_run_id, token, "x")
    assert again.status == "already_cleaned"
    assert await house.actions(outcome.test_run_id) == before
    assert house.weather.calls.count("target.delete") == 1


async def test_reset_of_what_another_has_taken_back(house: House) -> None:
    """A process that has served a request and missed its reset by another one says so, and adds no event."""
    outcome = await house.ask()
    token = outcome.cleanup.cleanup_token
    await house.neighbour().engine.reset(outcome.test_run_id, token, "x")
    before = await house.actions(outcome.test_run_id)
    again = await house.engine.reset(outcome.test_run_id, token, "x")
    assert again.status == "already_cleaned"
    assert await house.actions(outcome.test_run_id) == before
    assert house.weather.calls.count("target.delete") == 0
    assert house.open_runs() == set()


async def test_resets_of_more_runs_than_are_remembered(house: House) -> None:
    """A run that was served too long ago to be remembered is read, and taken back all the same."""
    outcomes = [await house.ask() for _ in range(MOST + 1)]
    del house.weather.calls[:]
    for outcome in (outcomes[0], outcomes[-1]):
        reset = await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
        assert reset.status == "cleaned"
    assert house.weather.calls.count("log.read") == 1


async def test_wrong_token_after_the_reset_is_refused_too(house: House) -> None:
    """Nobody learns of a run's state without its token."""
    outcome = await house.ask()
    await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    with pytest.raises(TokenMismatch, match="use the one its answer carried"):
        await house.engine.reset(outcome.test_run_id, "wrong", "x")


async def test_token_of_another_run_is_refused(house: House) -> None:
    """The token of one run does not take back another."""
    one, two = await house.ask(), await house.ask()
    with pytest.raises(TokenMismatch):
        await house.engine.reset(one.test_run_id, two.cleanup.cleanup_token, "x")
    assert house.rows() == 4


async def test_wrong_token_leaves_a_denied_mark(house: House) -> None:
    """A refused reset stands in the process log too, and opens nothing."""
    outcome = await house.ask()
    with pytest.raises(TokenMismatch):
        await house.engine.reset(outcome.test_run_id, "wrong", "agent:7")
    mark = house.out.log.noted[-1]
    assert (mark.kind, mark.state, mark.invoker) == ("denied", "reset", "agent:7")
    assert house.open_runs() == set()


@pytest.mark.parametrize("error", [ResetFailed("rows of others point at them"), TargetUnreachable("away")])
async def test_failed_reset_is_recorded_and_can_be_repeated(house: House, error: AtdmError) -> None:
    """A target that does not delete, or does not say so, is recorded with its reason; the next reset works."""
    outcome = await house.ask()
    house.weather.fails("target.delete", error)
    with pytest.raises(type(error)) as refusal:
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert refusal.value.run_id == outcome.test_run_id
    view = await house.engine.trail(outcome.test_run_id)
    assert (view.status, view.reset_status) == ("ready", "failed")
    assert view.events[-1].outputs["error"]["message"] == str(error)
    assert house.open_runs() == (set() if isinstance(error, ResetFailed) else {outcome.test_run_id})
    assert (await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")).status == "cleaned"
    assert house.rows() == 0


async def test_refused_reset_is_not_tried_again(house: House) -> None:
    """A reset that the target refused has ended, and recovery leaves the run as it is."""
    outcome = await house.ask()
    house.weather.fails("target.delete", ResetFailed("rows of others point at them"))
    with pytest.raises(ResetFailed):
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    await house.neighbour().recover()
    assert (await house.status(outcome.test_run_id), house.rows()) == ("ready", 2)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_reset_whose_answer_was_lost_is_ended(house: House, when: When) -> None:
    """A reset of which nobody knows whether the target carried it out is ended by recovery."""
    outcome = await house.ask()
    house.weather.fails("target.delete", TargetUnreachable("away"), when=when)
    with pytest.raises(TargetUnreachable):
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    await house.recover()
    assert (await house.status(outcome.test_run_id), house.rows()) == ("cleaned", 0)
    assert house.open_runs() == set()


async def test_reset_whose_record_was_lost_can_be_repeated(house: House) -> None:
    """A store that is away when the deletion is to be recorded leaves a run that can be reset again."""
    outcome = await house.ask()
    token = outcome.cleanup.cleanup_token
    house.weather.fails("log.append", TrailConflict("someone was faster"))
    house.weather.fails("target.delete", StoreUnavailable("away"), when="after")
    with pytest.raises(StoreUnavailable):
        await house.engine.reset(outcome.test_run_id, token, "x")
    assert (await house.engine.reset(outcome.test_run_id, token, "x")).status == "cleaned"
    assert (await house.actions(outcome.test_run_id)).count("reset_completed") == 1


async def test_resets_at_the_same_time(house: House) -> None:
    """Of several resets at once one cleans, the others say that it is done, and the trail is whole."""
    outcome = await house.ask()
    resets = await asyncio.gather(
        *(house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, str(i)) for i in range(4))
    )
    assert sorted(reset.status for reset in resets) == ["already_cleaned"] * 3 + ["cleaned"]
    assert (await house.actions(outcome.test_run_id)).count("reset_completed") == 1
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_endless_conflict_ends_in_an_error(house: House) -> None:
    """A trail that others write all the time is given up after a few attempts, with what to do."""
    outcome = await house.ask()
    house.weather.fails("log.append", TrailConflict("someone was faster"), times=50)
    with pytest.raises(StoreUnavailable, match="written by too many at once; try again"):
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert house.rows() == 2


async def test_what_was_created_under_the_run_is_told(house: House) -> None:
    """A row that carries the run's id and was never seeded goes with the run, and is told by table and key."""
    outcome = await house.ask()
    under = {"order_id": "new", "customer_id": outcome.data["customer_id"], "test_run_id": outcome.test_run_id}
    house.out.target.tables["order"]["new"] = under
    reset = await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    told = Residue(table="order", key={"order_id": "new"}, reason="created_under", deleted=True)
    assert reset.residue == [told]
    assert reset.deleted_counts == {"customer": 1, "order": 2}
    completed = (await house.engine.trail(outcome.test_run_id)).events[-1]
    assert completed.outputs["residue"] == [msgspec.to_builtins(told)]


async def test_what_refers_to_the_run_is_told_beside_it(house: House) -> None:
    """A row of no run that refers to the run's rows is told as the target found it, and not as created under it."""
    outcome = await house.ask()
    planted = {"order_id": "planted", "customer_id": outcome.data["customer_id"], "test_run_id": None}
    house.out.target.tables["order"]["planted"] = planted
    reset = await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert reset.residue == [
        Residue(table="order", key={"order_id": "planted"}, reason="references", deleted=True),
    ]


def test_residue_is_what_no_receipt_names() -> None:
    """Keys of several columns count as seeded when one of them is the seeded key; the same key in another table no."""
    trail = Trail("run")
    created = [{"table_name": "order", "primary_key": "o-1"}]
    trail.record("seed_completed", invoker="x", outputs={"records_created": created})
    keys = {"order": [{"shop": 1, "order_id": "o-1"}, {"shop": 1, "order_id": "o-2"}], "customer": [{"id": "o-1"}]}
    found = residue_of(trail, Deletion(deleted_counts={}, deleted_keys=keys))
    assert [(row.table, row.key) for row in found] == [("order", keys["order"][1]), ("customer", keys["customer"][0])]


def test_residue_without_a_receipt_is_what_the_target_found() -> None:
    """Of a run whose rows were never recorded nobody can say which were seeded."""
    found = Residue(table="order", key={"order_id": "o-1"}, reason="references", deleted=True)
    deletion = Deletion(deleted_counts={}, deleted_keys={"order": [{"order_id": "o-2"}]}, residue=[found])
    assert residue_of(Trail("run"), deletion) == [found]
