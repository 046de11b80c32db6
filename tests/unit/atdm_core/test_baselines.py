"""Strategies on the whole database: what is refused, and what is recorded."""

from collections.abc import Mapping

import pytest

from atdm_core.audit import utc_now
from atdm_core.baselines import BaselineRestore, BaselineSnapshot
from atdm_core.errors import BaselineSchemaDrift, InvalidRequest, NoBaseline, RestoreFailed
from atdm_core.protocols import Export, Order, Services
from atdm_core.testing import MemoryBaselines, MemoryCatalog, MemoryLog, MemoryTarget
from tests.unit.atdm_core.shop import SHARED, make_bundle

ORDER = Order(invoker="human:ann", options={"baseline_id": "golden"})
LATEST = Order(invoker="human:ann", options={})


class BrokenTarget(MemoryTarget):
    """A target that takes snapshots and fails to restore them."""

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """See `Database`."""
        raise RestoreFailed("the disk is full")


def services_of(target: MemoryTarget) -> tuple[Services, MemoryLog]:
    """Strategies' services on memory fakes."""
    log = MemoryLog()
    services = Services(
        target=target,
        database=target,
        log=log,
        catalog=MemoryCatalog(log),
        baselines=MemoryBaselines(),
        clock=utc_now,
    )
    return services, log


async def actions(log: MemoryLog, run_id: str | None) -> list[tuple[str, str]]:
    """Action and status of the events of a trail."""
    trail = await log.read(run_id or "")
    return [(event.action, event.status) for event in trail.events] if trail else []


async def test_restore_without_any_baseline_says_so() -> None:
    """The latest baseline cannot be restored where there is none, and the attempt is recorded."""
    services, log = services_of(MemoryTarget(SHARED))
    with pytest.raises(NoBaseline) as refused:
        await BaselineRestore(services).apply(LATEST)
    assert await actions(log, refused.value.run_id) == [("restore_started", "ok"), ("restore_failed", "failed")]


async def test_other_schema_is_refused() -> None:
    """A baseline of another schema is not restored."""
    target = MemoryTarget(SHARED)
    services, _ = services_of(target)
    await target.seed(make_bundle(), None)
    await BaselineSnapshot(services).apply(ORDER)
    target.schema_version = "2"
    with pytest.raises(BaselineSchemaDrift):
        await BaselineRestore(services).apply(ORDER)
    assert sum(target.row_counts().values()) > 0


async def test_failed_restore_is_recorded() -> None:
    """A target that fails to restore ends the trail in restore_failed, with the reason."""
    services, log = services_of(BrokenTarget(SHARED))
    await BaselineSnapshot(services).apply(ORDER)
    with pytest.raises(RestoreFailed) as failed:
        await BaselineRestore(services).apply(ORDER)
    assert (await actions(log, failed.value.run_id))[-1] == ("restore_failed", "failed")


async def test_name_that_is_no_id_is_refused() -> None:
    """A name that could become another path is refused before anything is recorded."""
    services, _ = services_of(MemoryTarget(SHARED))
    for strategy in (BaselineSnapshot(services), BaselineRestore(services)):
        with pytest.raises(InvalidRequest):
            await strategy.apply(Order(invoker="human:ann", options={"baseline_id": "../x"}))
