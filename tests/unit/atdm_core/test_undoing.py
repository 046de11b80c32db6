"""Undoing a run of one's own that failed: decide, then wipe, then record, and do not give up."""

import pytest

from atdm_core import Caller, Request
from atdm_core.audit import Part, Trail
from atdm_core.errors import AtdmError, StoreUnavailable, TargetUnreachable
from atdm_core.recovery import Recovery
from atdm_core.run import Run
from atdm_core.values import CatalogRow
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.shop import make_bundle, make_plan
from tests.unit.atdm_core.weather import When

ROLLED_BACK = ["request_received", "plan_resolved", "seed_failed", "rollback_completed"]
STEPS = ["log.append", "catalog.record", "target.delete", "log.append", "log.close"]


class Failure:
    """A run that failed after its rows were seeded, and the recovery that is to take it back."""

    def __init__(self, house: House) -> None:
        self.run = Run(Request(scenario="one_order"), Caller(), b"key", house.out.now)
        self.run.planned(make_plan())
        self.recovery = Recovery(house.services, house.report, monotonic=house.monotonic)

    @property
    def trail(self) -> Trail:
        """The run's trail, which ends in its failure."""
        return self.run.trail

    def row(self) -> CatalogRow:
        """The run's catalog row."""
        return self.run.catalog_row()

    async def undo(self, *, keyed: bool = False) -> None:
        """Undo the run."""
        await self.recovery.undo(self.trail, self.row(), keyed=keyed)


@pytest.fixture
async def failure(house: House) -> Failure:
    """A failed run whose rows are in the target."""
    failure = Failure(house)
    await house.services.log.note(failure.run.open_mark())
    await house.out.target.seed(make_bundle(run_id=failure.run.id), None)
    failure.run.failed(TargetUnreachable("away"))
    del house.weather.calls[:]
    return failure


async def store_ready_record(house: House, run_id: str) -> None:
    """Store what another process, or this one before an answer was lost, recorded of the run."""
    ready = Trail(run_id)
    for action in ("request_received", "catalog_recorded"):
        ready.record(action, invoker="x")
    await house.out.log.append(Part(run_id, 0, ready.entries))


async def heads(house: House, run_id: str) -> set[str]:
    """The heads that the stored trail passes through; a mark must name none but these."""
    return {entry.hash.hex() for entry in (await house.trail(run_id)).entries}


async def test_undone_at_once(house: House, failure: Failure) -> None:
    """With target and store at hand the run is recorded, wiped and closed before `undo` returns."""
    await failure.undo()
    assert failure.recovery.overdue == 0
    assert house.weather.calls == STEPS
    assert house.rows() == 0
    assert house.out.log.noted[-1].head == (await house.trail(failure.run.id)).head.hex()


async def test_late_seed_of_an_undone_run_is_refused(house: House, failure: Failure) -> None:
    """A seed that was still on its way when its run was undone writes nothing."""
    await failure.undo()
    with pytest.raises(AtdmError, match="a late seed is refused"):
        await house.out.target.seed(make_bundle(run_id=failure.run.id), None)


async def test_patience_ends_and_the_work_goes_on(
    house: House, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that does not answer does not hold the caller back; the undoing goes on in the background, once."""
    monkeypatch.setattr("atdm_core.recovery.PATIENCE", 0.01)
    _, go = house.weather.holds("target.delete", "before")
    await failure.undo()
    await failure.undo()
    await failure.recovery.sweep()
    assert failure.recovery.overdue == 1
    go.set()
    await house.weather.ended("log.close")
    await failure.recovery.close()
    assert house.weather.calls.count("target.delete") == 1
    assert await house.actions(failure.run.id) == ROLLED_BACK


@pytest.mark.parametrize(("step", "call"), list(enumerate(STEPS)))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_each_step_is_tried_again(house: House, failure: Failure, step: int, call: str, when: When) -> None:
    """Whichever step fails, with or without effect, the next round ends in the same state."""
    skip = STEPS[:step].count(call)
    house.weather.fails(call, StoreUnavailable("away"), when=when, skip=skip)
    await failure.undo()
    assert failure.recovery.overdue == 1
    await failure.recovery.sweep()
    assert failure.recovery.overdue == 0
    assert house.reports == [(failure.run.id, "STORE_UNAVAILABLE")]
    assert await house.actions(failure.run.id) == ROLLED_BACK
    assert await house.status(failure.run.id) == "rolled_back"
    assert house.rows() == 0
    assert house.out.log.noted[-1].head in await heads(house, failure.run.id)


async def test_others_may_finish_first(house: House, failure: Failure) -> None:
    """A run that was wiped by another process meanwhile is closed with the head of the trail that is stored."""
    house.weather.fails("target.delete", TargetUnreachable("away"))
    await failure.undo()
    await house.neighbour().recover()
    await failure.recovery.sweep()
    assert failure.recovery.overdue == 0
    assert await house.actions(failure.run.id) == ROLLED_BACK
    assert house.out.log.noted[-1].head in await heads(house, failure.run.id)


async def test_ready_run_is_reset_instead(house: House, failure: Failure) -> None:
    """A run whose ready record reached the store, although its answer was lost, is reset like any other."""
    await store_ready_record(house, failure.run.id)
    await failure.undo()
    assert await house.actions(failure.run.id) == [
        "request_received",
        "catalog_recorded",
        "reset_started",
        "reset_completed",
    ]
    assert await house.status(failure.run.id) == "cleaned"
    assert house.rows() == 0


async def test_ready_run_of_a_key_is_kept(house: House, failure: Failure) -> None:
    """A run with a key whose ready record stands may have answered somebody: it stays, and its mark is closed."""
    await store_ready_record(house, failure.run.id)
    await failure.undo(keyed=True)
    assert await house.actions(failure.run.id) == ["request_received", "catalog_recorded"]
    assert house.rows() == 2
    assert house.open_runs() == set()
    assert failure.recovery.overdue == 0


async def test_close_gives_up(house: House, failure: Failure) -> None:
    """A process that ends gives up what it has not undone, and the process log still holds the run open."""
    house.weather.fails("target.delete", TargetUnreachable("away"), times=10_000)
    await failure.undo()
    assert await failure.recovery.close() == 0
    assert house.open_runs() == {failure.run.id}
    await house.neighbour().recover()
    assert house.rows() == 0
    assert house.open_runs() == set()


async def test_close_counts_what_was_never_stored(house: House, failure: Failure) -> None:
    """Events that no store has taken are counted when the process ends."""
    house.weather.fails("log.append", StoreUnavailable("away"), times=10_000)
    await failure.undo()
    await failure.recovery.sweep()
    assert await failure.recovery.close() == 3
