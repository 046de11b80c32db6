"""The shapes that travel between client and API, as plain dicts with types; the words are those of the contract."""

from collections.abc import Mapping
from datetime import date
from typing import NotRequired, TypedDict

__all__ = [
    "AuditEvent",
    "AuditTrail",
    "Cleanup",
    "Constraint",
    "Fixtures",
    "RecordCreated",
    "ResetAnswer",
    "Row",
    "RunEntry",
    "RunList",
    "ScenarioAnswer",
    "ScenarioCatalog",
    "ScenarioEntry",
    "ScenarioOptions",
    "ValidatorDecision",
]

Row = dict[str, object]


class ScenarioOptions(TypedDict, total=False):
    """What a scenario request may say besides the scenario, under the names of `AtdmClient.request_scenario`."""

    constraints: Mapping[str, object]
    domain: str
    seed: int
    as_of: date | str
    ttl_seconds: int
    seed_target: bool
    return_playwright_fixture: bool
    return_pytest_fixture: bool
    return_records: bool


class Fixtures(TypedDict):
    """Paths of the fixture files that were written, None where none was asked for."""

    playwright: str | None
    pytest: str | None


class Cleanup(TypedDict):
    """What a reset needs; the token is given here only. `expires_at`: when the server resets it (ISO 8601 UTC)."""

    cleanup_token: str
    endpoint: str
    expires_at: str | None


class ScenarioAnswer(TypedDict):
    """The answer to a scenario request.

    `data` maps the name of each entity's key (`claim_id`, …) to the key of its first row, `records` tables to rows.
    `audit_head` is the hash (hex) at which the trail stood, worth keeping as a checkpoint.
    """

    request_id: str
    test_run_id: str
    status: str
    data: dict[str, object]
    fixtures: Fixtures
    cleanup: Cleanup
    seed: int
    as_of: str
    audit_head: str
    records: NotRequired[dict[str, list[Row]]]


class ResetAnswer(TypedDict):
    """`status` is `cleaned`, or `already_cleaned` for a repeated reset; counts are rows per table."""

    run_id: str
    status: str
    deleted_counts: NotRequired[dict[str, int]]


class Constraint(TypedDict):
    """One knob of a domain: its type, its allowed values (None: anything of the type) and its default."""

    type: str
    allowed: list[object] | None
    default: object
    description: str


class ScenarioEntry(TypedDict):
    """One scenario that can be asked for."""

    domain: str
    scenario_id: str
    description: str
    tags: list[str]
    generators: list[object]
    validators: list[str]
    default_constraints: dict[str, object]
    linked_requirement_ids: list[str]


class ScenarioCatalog(TypedDict):
    """Every scenario, and the constraints of every domain by name."""

    scenarios: list[ScenarioEntry]
    constraints: dict[str, dict[str, Constraint]]


class RunEntry(TypedDict):
    """One run as the catalog lists it; never a token."""

    test_run_id: str
    scenario_id: str
    status: str
    created_at: str
    invoker: str


class RunList(TypedDict):
    """Runs, newest first."""

    runs: list[RunEntry]


class ValidatorDecision(TypedDict):
    """What one validator said of the bundle."""

    validator: str
    ok: bool
    message: str
    details: object


class RecordCreated(TypedDict):
    """One row that the run wrote."""

    table_name: str
    primary_key: object


class AuditEvent(TypedDict):
    """One link of the hash-chained trail."""

    event_id: str
    timestamp: str
    test_run_id: str
    invoker: str
    action: str
    inputs: object
    tools_called: object
    outputs: object
    status: str
    reviewer_decision: object
    schema_version: object


class AuditTrail(TypedDict):
    """The whole trail of a run; `duration_ms` in milliseconds, times in ISO 8601 UTC."""

    run_id: str
    scenario_id: str | None
    status: str | None
    invoker: str
    planner_mode: str | None
    prompt: str | None
    plan: object
    validator_decisions: list[ValidatorDecision]
    records_created: list[RecordCreated]
    fixtures_emitted: list[object]
    reset_status: str | None
    started_at: str
    finished_at: str | None
    duration_ms: float | None
    head: str
    events: list[AuditEvent]
