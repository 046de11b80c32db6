"""The row of a run as a function of its trail."""

from datetime import UTC, datetime, timedelta

import pytest

from atdm_core import Caller, Request
from atdm_core.audit import Trail
from atdm_core.catalog import catalog_row, expiry_of, row_as_of_now
from atdm_core.run import Run
from atdm_core.values import SeedReceipt
from tests.unit.atdm_core.shop import make_bundle, make_plan

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def run() -> Run:
    """A run that has come as far as its plan."""
    run = Run(Request(scenario="one_order"), Caller(invoker="human:ann"), b"key", lambda: NOON)
    run.planned(make_plan(tier="plain"))
    return run


def test_row_says_what_the_trail_says(run: Run) -> None:
    """Everything of the row that was known before the target was touched comes from the trail alone."""
    resumed = Trail.resumed(run.id, run.open_mark().bodies)
    row = catalog_row(resumed, "hash")
    assert row == catalog_row(run.trail, "hash")
    assert (row.test_run_id, row.request_id, row.invoker) == (run.id, f"tdr_{run.id}", "human:ann")
    assert (row.domain, row.scenario_id, row.planner_mode) == ("shop", "one_order", "rule")
    assert (row.seed, row.as_of, row.created_at) == (7, run.plan.as_of, NOON)
    assert row.constraints["tier"] == "plain"
    assert (row.cleanup_strategy, row.token_sha256, row.answer) == ("after_test", "hash", "")


def test_row_of_an_undecided_run_is_open(run: Run) -> None:
    """A row that is stored before the run is decided says so."""
    assert catalog_row(run.trail, "hash").status == "open"
    run.rejected([])
    assert catalog_row(run.trail, "hash").status == "rejected"


def test_row_as_of_now_follows_the_trail(run: Run) -> None:
    """Status and end of a run are what its trail says last; without a trail the row stands as it is."""
    row = catalog_row(run.trail, "hash")
    assert row_as_of_now(row, None) == row
    assert row_as_of_now(row, run.trail) == row
    run.seeded(make_bundle(), SeedReceipt(row_counts={}, expires_at=NOON))
    run.trail.record("catalog_recorded", invoker="x")
    now = row_as_of_now(row, run.trail)
    assert (now.status, now.expires_at) == ("ready", NOON)
    run.trail.record("ttl_extended", invoker="x", outputs={"expires_at": LATER})
    run.trail.record("reset_completed", invoker="x")
    now = row_as_of_now(row, run.trail)
    assert (now.status, now.expires_at) == ("cleaned", LATER)


def test_a_run_without_a_time_has_no_end(run: Run) -> None:
    """A run that was seeded without a time to live has no end until it is extended."""
    assert expiry_of(run.trail.events) is None
    run.seeded(make_bundle(), SeedReceipt(row_counts={}, expires_at=None))
    assert expiry_of(run.trail.events) is None
    run.trail.record("ttl_extended", invoker="x", outputs={"expires_at": LATER})
    assert expiry_of(run.trail.events) == LATER
