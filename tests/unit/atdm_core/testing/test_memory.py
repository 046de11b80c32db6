"""The memory fakes keep the contracts that the real parts keep."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from atdm_core import Bundle, Pack, Table, Target
from atdm_core.audit import Part
from atdm_core.columns import constant
from atdm_core.errors import SeedFailed, TrailConflict
from atdm_core.protocols import Database
from atdm_core.testing import MemoryLog, MemoryTarget, TargetContract
from tests.unit.atdm_core.audit.trails import a_trail
from tests.unit.atdm_core.shop import SHARED, SHOP, make_bundle


class TestMemoryTarget(TargetContract):
    """The target in memory keeps the contract of targets."""

    def open_target(self) -> Target:
        """A new one, with a clock of its own."""
        self.now = datetime(2026, 7, 4, tzinfo=UTC)
        return MemoryTarget(SHARED, now=lambda: self.now)

    def open_database(self, target: Target) -> Database:
        """The same."""
        return cast("MemoryTarget", target)

    def a_pack(self) -> tuple[Pack, str]:
        """The shop, whose second scenario repeats a step."""
        return SHOP, "two_orders"

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """The rows that carry the run's id."""
        tables = cast("MemoryTarget", target).tables
        return {name: sum(row["test_run_id"] == run_id for row in rows.values()) for name, rows in tables.items()}

    async def await_expiry(self, target: Target, run_id: str) -> None:
        """Turn the clock."""
        self.now += timedelta(seconds=1)

    async def plant(self, target: Target, bundle: Bundle) -> tuple[str, Mapping[str, Any]] | None:
        """An order of nobody's, for a customer of the bundle."""
        order = {"order_id": "planted", "customer_id": bundle.keys()["customer_id"], "test_run_id": None}
        cast("MemoryTarget", target).tables["order"]["planted"] = order
        return "order", {"order_id": "planted"}


class TestNumberedMemoryTarget(TestMemoryTarget):
    """It keeps it too where it makes the keys itself."""

    def open_target(self) -> Target:
        """One whose customers and orders have numbers."""
        self.now = datetime(2026, 7, 4, tzinfo=UTC)
        return MemoryTarget(SHARED, numbered=("customer", "order"), now=lambda: self.now)

    async def plant(self, target: Target, bundle: Bundle) -> None:
        """Nothing: the bundle does not tell the numbers."""


async def test_symbolic_keys_become_numbers() -> None:
    """Rows of numbered entities get the next number, wherever the bundle refers to them, and the receipt tells it."""
    target, bundle = MemoryTarget(SHARED, numbered=("customer",)), make_bundle()

    receipt = await target.seed(bundle, None)

    assert receipt.keys == {bundle.keys()["customer_id"]: 1}
    assert set(target.tables["customer"]) == {1}
    assert target.tables["order"][bundle.keys()["order_id"]]["customer_id"] == 1
    assert (await target.seed(bundle, None)).keys == receipt.keys


async def test_rows_without_a_run_column_are_remembered() -> None:
    """A run takes back the rows that carry no run id, and leaves those that nobody seeded."""
    target, (order, *_) = MemoryTarget(SHARED), make_bundle().tables["order"]
    table = Table(replace(order.entity, run_column=None), {**order.columns, "customer_id": constant(None, len(order))})
    own = {"order_id": "own", "customer_id": None}
    target.tables["order"] = {"own": own}

    await target.seed(Bundle("r", {"order": (table,)}), None)
    deletion = await target.delete("r")

    assert deletion.deleted_counts == {"order": len(order)}
    assert target.tables["order"] == {"own": own}


async def test_unknown_shared_row_is_refused() -> None:
    """A reference to a shared row that does not exist is refused by table and column."""
    with pytest.raises(SeedFailed, match=r"customer\.country: no country 'ZZ'"):
        await MemoryTarget().seed(make_bundle(), None)


async def test_log_takes_each_part_once() -> None:
    """A version of a trail that exists is not replaced."""
    log, entries = MemoryLog(), a_trail().entries
    await log.append(Part("run", 0, entries))
    with pytest.raises(TrailConflict):
        await log.append(Part("run", 0, entries[:1]))
    trail = await log.read("run")
    assert trail is not None
    assert trail.entries == entries
    assert await log.read("other") is None
