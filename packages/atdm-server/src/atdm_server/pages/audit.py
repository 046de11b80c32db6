"""The page of one audit trail: what was asked, planned, judged, written and taken back, event by event."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from atdm_core.audit import TrailView
from atdm_core.values import Event, Finding, Plan, Step
from atdm_server.pages.strategy import ending, strategy_name
from atdm_server.pages.wording import Badge, Moment, Room, badge, duration, excerpt, moment, plain

__all__ = ["AuditPage", "Decision", "EventLine", "PlanCard", "audit_page"]

_RECORDS: Final = 100  # records that are shown
_FIRST_EVENTS, _LAST_EVENTS = 20, 40  # events that are shown of a longer trail
_JSON: Final = 32_000  # characters of JSON on a page, as HTML
_JSON_EACH: Final = 6_000
_RESETS: Final[Mapping[str, Badge]] = {
    "not_reset": Badge("not reset", "quiet"),
    "started": Badge("reset started", "quiet"),
    "cleaned": Badge("reset: cleaned", "good"),
    "failed": Badge("reset failed", "bad"),
    "rolled_back": Badge("rolled back", "good"),
    "expired": Badge("expired: cleaned", "good"),
}


class PlanCard(Struct, frozen=True):
    """The plan: its steps, and every constraint with its value and whether the request named it."""

    domain: str
    pack_version: str
    planner: str
    seed: str
    as_of: str
    steps: Sequence[str]
    constraints: Sequence[tuple[str, str, bool]]


class Decision(Struct, frozen=True):
    """What a validator said, and the rows that break its rule: how many, and a few with the columns to look at."""

    validator: str
    verdict: Badge
    message: str
    broken_rows: int
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class EventLine(Struct, frozen=True):
    """An event; `invoker` only where it is another one's than the run, `details` the parts that are not empty."""

    action: str
    status: Badge
    at: Moment
    since_start: str
    invoker: str
    tools: Sequence[str]
    details: Sequence[tuple[str, str]]
    opened: bool


class AuditPage(Struct, frozen=True, kw_only=True):
    """A trail; of a strategy it has no plan, no decisions and no records.

    `loaded` has the rows by table of a run whose records are too many to be listed.
    `take_back` is the command that resets the run, where there is something to reset; `taken_back_by` the audit run and
    the name of the strategy that took it back with all others.
    """

    run_id: str
    heading: str
    status: Badge
    reset: Badge | None
    invoker: str
    started: Moment
    took: str
    is_strategy: bool
    plan: PlanCard | None
    decisions: Sequence[Decision]
    records: Sequence[tuple[str, str]]
    records_in_all: int
    loaded: Sequence[tuple[str, str]]
    take_back: str
    taken_back_by: tuple[str, str] | None
    fixtures: Sequence[str]
    first_events: Sequence[EventLine]
    left_out: int
    last_events: Sequence[EventLine]
    head: str
    title: str
    place: str = "audit"


def audit_page(trail: TrailView) -> AuditPage:
    """The page of a trail."""
    strategy = strategy_name(trail.run_id)
    is_strategy = strategy is not None
    heading = strategy or trail.scenario_id or "Run"
    decided_at = trail.events[-1].timestamp if is_strategy else trail.finished_at
    first_events, last_events = _timeline(trail, opened=is_strategy)
    return AuditPage(
        title=f"{heading}, {trail.run_id}",
        run_id=trail.run_id,
        heading=heading,
        status=badge(ending(trail.events) if is_strategy else trail.status or "unfinished"),
        reset=None if is_strategy else _RESETS.get(trail.reset_status),
        invoker=trail.invoker,
        started=moment(trail.started_at),
        took=duration(decided_at - trail.started_at),
        is_strategy=is_strategy,
        plan=_plan(trail),
        decisions=[_decision(msgspec.convert(decision, Finding)) for decision in trail.validator_decisions],
        records=[(record["table_name"], plain(record["primary_key"])) for record in trail.records_created[:_RECORDS]],
        records_in_all=len(trail.records_created),
        loaded=_loaded(trail),
        take_back=f"atdm reset {trail.run_id} --token TOKEN" if trail.status == "ready" else "",
        taken_back_by=_taken_back_by(trail),
        fixtures=trail.fixtures_emitted,
        first_events=first_events,
        left_out=len(trail.events) - len(first_events) - len(last_events),
        last_events=last_events,
        head=trail.head,
    )


def _loaded(trail: TrailView) -> list[tuple[str, str]]:
    seeded = next((event.outputs for event in trail.events if event.action == "seed_completed"), None)
    if seeded is None or "records_created" in seeded:
        return []
    counts: Mapping[str, int] = seeded["row_counts"]
    return [(table, f"{count:,}") for table, count in counts.items()]


def _taken_back_by(trail: TrailView) -> tuple[str, str] | None:
    told = (event.outputs for event in trail.events if "audit_run_id" in event.outputs)
    return next(((outputs["audit_run_id"], outputs["strategy"]) for outputs in told), None)


def _plan(trail: TrailView) -> PlanCard | None:
    if trail.plan is None:
        return None
    plan = msgspec.convert(trail.plan, Plan)
    asked: Mapping[str, Any] = trail.events[0].inputs.get("request", {}).get("constraints", {})
    return PlanCard(
        domain=plan.domain,
        pack_version=plan.pack_version,
        planner=plan.planner_mode,
        seed=str(plan.seed) if isinstance(plan.seed, int) else f"{len(plan.seed)} draws",
        as_of=plan.as_of.isoformat(),
        steps=[_step(step) for step in plan.steps],
        constraints=[(name, excerpt(plain(value)), name in asked) for name, value in plan.constraints.items()],
    )


def _step(step: Step) -> str:
    arguments = ", ".join(f"{name}={plain(value)}" for name, value in step.arguments.items())
    return f"{step.generator} ({arguments})" if arguments else step.generator


def _decision(finding: Finding) -> Decision:
    rows: Sequence[Mapping[str, Any]] = finding.details.get("rows", ())
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return Decision(
        validator=finding.validator,
        verdict=badge("passed" if finding.ok else "rejected"),
        message=finding.message,
        broken_rows=finding.details.get("broken_rows", 0),
        columns=columns,
        rows=[[excerpt(plain(row.get(column))) for column in columns] for row in rows],
    )


def _timeline(trail: TrailView, *, opened: bool) -> tuple[list[EventLine], list[EventLine]]:
    """The events that are shown: all of them in the first list, unless they are too many for a page."""
    room = Room(_JSON, _JSON_EACH)
    cut = len(trail.events) > _FIRST_EVENTS + _LAST_EVENTS
    shown = [*trail.events[:_FIRST_EVENTS], *trail.events[-_LAST_EVENTS:]] if cut else trail.events
    lines = [_line(event, trail.events[0], room, opened=opened) for event in shown]
    return (lines[:_FIRST_EVENTS], lines[_FIRST_EVENTS:]) if cut else (lines, [])


def _line(event: Event, start: Event, room: Room, *, opened: bool) -> EventLine:
    status = badge(event.status)
    parts = {"Inputs": event.inputs, "Outputs": event.outputs}
    return EventLine(
        action=event.action,
        status=status,
        at=moment(event.timestamp),
        since_start=duration(event.timestamp - start.timestamp),
        invoker=excerpt(event.invoker) if event.invoker != start.invoker else "",
        tools=event.tools_called,
        details=[(name, room.json(part)) for name, part in parts.items() if part],
        opened=opened or status.tone == "bad",
    )
