"""The view of a trail."""

from datetime import UTC, datetime, timedelta

import pytest

from atdm_core.audit import Trail, run_status, view_trail
from tests.unit.atdm_core.audit.trails import a_trail

START = datetime(2026, 7, 4, tzinfo=UTC)
SERVED = ("request_received", "plan_resolved", "validators_passed", "seed_started", "seed_completed")
READY = (*SERVED, "fixtures_emitted", "catalog_recorded")
OUTPUTS = {
    "plan_resolved": {"plan": {"scenario_id": "one_order", "planner_mode": "rule"}},
    "validators_passed": {"validator_decisions": [{"validator": "a", "ok": True}]},
    "plan_rejected": {"validator_decisions": [{"validator": "a", "ok": False}]},
    "seed_completed": {"records_created": [{"table_name": "order", "primary_key": "o-run"}]},
    "fixtures_emitted": {"paths": ["a.json"]},
}


def told(*actions: str) -> Trail:
    """A trail of these events, one second apart."""
    clock = iter(START + timedelta(seconds=i) for i in range(len(actions)))
    trail = Trail("run", lambda: next(clock))
    for action in actions:
        trail.record(action, invoker="human:ann", outputs=OUTPUTS.get(action))
    return trail


@pytest.mark.parametrize(
    ("actions", "status", "reset_status"),
    [
        (("request_received",), None, "none"),
        (SERVED, None, "none"),
        (("request_received", "plan_resolved", "plan_rejected"), "rejected", "none"),
        ((*SERVED, "seed_failed"), "rolled_back", "rolled_back"),
        (READY, "ready", "not_reset"),
        ((*READY, "reset_rejected"), "ready", "not_reset"),
        ((*READY, "reset_started"), "ready", "started"),
        ((*READY, "reset_started", "reset_failed"), "ready", "failed"),
        ((*READY, "reset_started", "reset_failed", "reset_started", "reset_completed"), "cleaned", "cleaned"),
        ((*READY, "reset_started", "reset_completed", "reset_rejected"), "cleaned", "cleaned"),
    ],
)
def test_what_became_of_a_run(actions: tuple[str, ...], status: str | None, reset_status: str) -> None:
    """The last event that decides says what became of a run, and what of its reset."""
    trail = told(*actions)
    assert run_status(trail.events) == status
    view = view_trail(trail)
    assert (view.status, view.reset_status) == (status, reset_status)


def test_a_ready_run_is_folded() -> None:
    """The view tells plan, decisions, records, fixtures and all events, and when the request was decided."""
    view = view_trail(told(*READY, "reset_started", "reset_completed"))
    assert (view.run_id, view.scenario_id, view.planner_mode, view.invoker) == (
        "run",
        "one_order",
        "rule",
        "human:ann",
    )
    assert view.plan == {"scenario_id": "one_order", "planner_mode": "rule"}
    assert view.validator_decisions == [{"validator": "a", "ok": True}]
    assert view.records_created == [{"table_name": "order", "primary_key": "o-run"}]
    assert view.fixtures_emitted == ["a.json"]
    assert view.prompt is None
    assert [event.action for event in view.events] == [*READY, "reset_started", "reset_completed"]
    assert (view.started_at, view.finished_at) == (START, START + timedelta(seconds=6))
    assert view.duration_ms == 6000


def test_a_rejected_run_shows_its_decisions() -> None:
    """The view of a rejected run shows what the validators said, and no record."""
    view = view_trail(told("request_received", "plan_resolved", "plan_rejected"))
    assert view.validator_decisions == [{"validator": "a", "ok": False}]
    assert view.records_created == ()


def test_the_view_carries_the_head() -> None:
    """The view ends in the hash that a checkpoint is compared with."""
    trail = a_trail()
    assert view_trail(trail).head == trail.head.hex()
