"""Undoing a failed run: decide, then wipe, and do not give up."""

import pytest

from atdm_core import Caller, Request, Services
from atdm_core.audit import Part, Trail, utc_now
from atdm_core.errors import AtdmError, StoreUnavailable, TargetUnreachable
from atdm_core.run import Run
from atdm_core.testing import MemoryBaselines
from atdm_core.undo import Undo
from atdm_core.values import CatalogRow
from tests.unit.atdm_core.shop import make_bundle, make_plan
from tests.unit.atdm_core.weather import House, WeatheredCatalog, WeatheredLog, WeatheredTarget


class Failure:
    """A run that failed after its rows were seeded, and the undo that is to take it back."""

    def __init__(self, house: House) -> None:
        self.run = Run(Request(scenario="one_order"), Caller(), b"key", utc_now)
        self.reports: list[AtdmError] = []
        services = Services(
            target=WeatheredTarget(house.out),
            database=house.out.target,
            log=WeatheredLog(house.out),
            catalog=WeatheredCatalog(house.out),
            baselines=MemoryBaselines(),
            clock=utc_now,
        )
        self.undo = Undo(services, lambda _, error: self.reports.append(error))

    @property
    def trail(self) -> Trail:
        """The run's trail, which ends in its failure."""
        return self.run.trail

    def row(self) -> CatalogRow:
        """The run's catalog row."""
        return self.run.catalog_row(make_plan(), "rolled_back")


@pytest.fixture
async def failure(house: House) -> Failure:
    """A failed run whose rows are in the target."""
    failure = Failure(house)
    await house.out.target.seed(make_bundle(run_id=failure.run.id), None)
    failure.run.failed(TargetUnreachable("away"))
    return failure


async def test_undone_at_once(house: House, failure: Failure) -> None:
    """With target and store at hand the run is recorded, wiped and closed before `start` returns."""
    await failure.undo.start(failure.trail, failure.row())
    assert failure.undo.pending == 0
    assert house.weather.calls == ["log.append", "catalog.record", "target.delete", "log.close"]
    assert house.rows() == 0


async def test_late_seed_of_an_undone_run_is_refused(house: House, failure: Failure) -> None:
    """A seed that was still on its way when its run was undone writes nothing."""
    await failure.undo.start(failure.trail, failure.row())
    with pytest.raises(AtdmError, match="a late seed is refused"):
        await house.out.target.seed(make_bundle(run_id=failure.run.id), None)


async def test_patience_ends_and_the_work_goes_on(
    house: House, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that stays away does not hold the answer back; the undoing goes on in the background."""
    monkeypatch.setattr("atdm_core.undo.PATIENCE", 0.01)
    house.weather.fails("target.delete", TargetUnreachable("away"), times=4)
    await failure.undo.start(failure.trail, failure.row())
    assert failure.undo.pending == 1
    await house.weather.ended("log.close")
    assert [error.code for error in failure.reports] == ["TARGET_UNREACHABLE"] * 4
    assert await house.actions(failure.run.id) == ["request_received", "seed_failed"]


@pytest.mark.parametrize("call", ["log.append", "catalog.record", "target.delete", "log.close"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_each_step_is_tried_again(house: House, failure: Failure, call: str, when: str) -> None:
    """Whichever step fails, with or without effect, the next attempt ends in the same state."""
    house.weather.fails(call, StoreUnavailable("away"), when="before" if when == "before" else "after")
    await failure.undo.start(failure.trail, failure.row())
    assert failure.undo.pending == 0
    assert len(failure.reports) == 1
    assert await house.actions(failure.run.id) == ["request_received", "seed_failed"]
    assert await house.status(failure.run.id) == "rolled_back"
    assert house.rows() == 0


async def test_ready_run_is_reset_instead(house: House, failure: Failure) -> None:
    """A run whose ready record reached the store, although its answer was lost, is reset like any other."""
    ready = Trail(failure.run.id)
    for action in ("request_received", "catalog_recorded"):
        ready.record(action, invoker="x")
    await house.out.log.append(Part(failure.run.id, 0, ready.entries))
    await failure.undo.start(failure.trail, failure.row())
    assert await house.actions(failure.run.id) == [
        "request_received",
        "catalog_recorded",
        "reset_started",
        "reset_completed",
    ]
    assert await house.status(failure.run.id) == "cleaned"
    assert house.rows() == 0


async def test_close_gives_up(house: House, failure: Failure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends gives up what it has not undone, and the process log still holds the run open."""
    monkeypatch.setattr("atdm_core.undo.PATIENCE", 0.01)
    await house.out.log.note(failure.run.open_mark())
    house.weather.fails("target.delete", TargetUnreachable("away"), times=10_000)
    await failure.undo.start(failure.trail, failure.row())
    await failure.undo.close()
    assert failure.undo.pending == 0
    assert house.open_runs() == {failure.run.id}
