"""The view of a trail that people and programs read."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from atdm_core.audit.trail import Trail
from atdm_core.values import Event, Moment, RunStatus

__all__ = ["TrailView", "run_status", "view_trail"]

_STATUS_OF_ACTION: Mapping[str, RunStatus] = {
    "catalog_recorded": "ready",
    "plan_rejected": "rejected",
    "seed_failed": "rolled_back",
    "reset_completed": "cleaned",
    "run_expired": "expired",
}
_RESET_STATUS_OF_ACTION = {
    "catalog_recorded": "not_reset",
    "seed_failed": "rolled_back",
    "reset_started": "started",
    "reset_completed": "cleaned",
    "reset_failed": "failed",
    "run_expired": "expired",
}


class TrailView(Struct, frozen=True, kw_only=True):
    """A run's trail, folded: what was planned, decided, written and taken back, and every event."""

    run_id: str
    scenario_id: str | None
    status: RunStatus | None
    invoker: str
    planner_mode: str | None
    prompt: str | None
    plan: Mapping[str, Any] | None
    validator_decisions: Sequence[Mapping[str, Any]]
    records_created: Sequence[Mapping[str, Any]]
    fixtures_emitted: Sequence[str]
    reset_status: str
    started_at: Moment
    finished_at: Moment
    duration_ms: float
    head: str
    events: Sequence[Event]


def run_status(events: Sequence[Event]) -> RunStatus | None:
    """What became of a run: the status of the last event that decides it; None while none has."""
    return next((_STATUS_OF_ACTION[e.action] for e in reversed(events) if e.action in _STATUS_OF_ACTION), None)


def view_trail(trail: Trail) -> TrailView:
    """The view of a trail that has at least one event. `finished_at` is when the request was decided."""
    events = trail.events
    by_action = {event.action: event for event in reversed(events)}
    outputs: dict[str, Mapping[str, Any]] = {action: event.outputs for action, event in by_action.items()}
    decided = next((event for event in events if event.action in _STATUS_OF_ACTION), events[-1])
    plan = outputs.get("plan_resolved", {}).get("plan")
    judged = outputs.get("validators_passed") or outputs.get("plan_rejected") or {}
    reset = next(
        (_RESET_STATUS_OF_ACTION[e.action] for e in reversed(events) if e.action in _RESET_STATUS_OF_ACTION),
        "none",
    )
    return TrailView(
        run_id=trail.run_id,
        scenario_id=plan["scenario_id"] if plan else None,
        status=run_status(events),
        invoker=events[0].invoker,
        planner_mode=plan["planner_mode"] if plan else None,
        prompt=None,
        plan=plan,
        validator_decisions=judged.get("validator_decisions", ()),
        records_created=outputs.get("seed_completed", {}).get("records_created", ()),
        fixtures_emitted=outputs.get("fixtures_emitted", {}).get("paths", ()),
        reset_status=reset,
        started_at=events[0].timestamp,
        finished_at=decided.timestamp,
        duration_ms=(decided.timestamp - events[0].timestamp).total_seconds() * 1000,
        head=trail.head.hex(),
        events=events,
    )
