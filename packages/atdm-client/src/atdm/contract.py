"""The shapes that travel between client and API, as plain dicts with types; the words are those of the contract."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, NotRequired, TypedDict

__all__ = [
    "AuditEvent",
    "AuditTrail",
    "BaselineEntry",
    "BaselineList",
    "Cleanup",
    "Constraint",
    "DigestAnswer",
    "ExtendAnswer",
    "Fixtures",
    "PackEntry",
    "PackList",
    "RecordCreated",
    "RequestOptions",
    "ResetAllAnswer",
    "ResetAnswer",
    "Residue",
    "RestoreAnswer",
    "Row",
    "RunEntry",
    "RunList",
    "RunStatus",
    "ScenarioAnswer",
    "ScenarioCatalog",
    "ScenarioEntry",
    "ScenarioOptions",
    "SnapshotAnswer",
    "TableDigest",
    "ValidatorDecision",
    "VolumeAnswer",
    "VolumeError",
    "VolumeOptions",
    "VolumeProgress",
]

Row = dict[str, object]
RunStatus = Literal["open", "ready", "rejected", "rolled_back", "cleaned", "expired"]


class ScenarioOptions(TypedDict, total=False):
    """What may be said of a scenario besides its name; None, like leaving it out, leaves the choice to the server.

    `seed` draws the values of an earlier run again; a list of integers is all draws themselves, in order. `as_of` is
    the day every date is relative to (ISO 8601 or a date; default: the UTC day of the run). After `ttl_seconds` the
    server resets by itself. With `seed_target=False` nothing is written. With `return_records` the answer carries the
    rows by table.
    """

    constraints: Mapping[str, object] | None
    domain: str | None
    seed: int | Sequence[int] | None
    as_of: date | str | None
    ttl_seconds: int | None
    seed_target: bool
    return_playwright_fixture: bool
    return_pytest_fixture: bool
    return_records: bool


class RequestOptions(ScenarioOptions, total=False):
    """`ScenarioOptions`, and the key under which the same request gives the first answer again, never a second seed."""

    idempotency_key: str | None


class VolumeOptions(TypedDict, total=False):
    """What a volume is asked for with, beside its mixture; the key is as in `RequestOptions`."""

    seed: int | None
    as_of: date | str | None
    ttl_seconds: int | None
    idempotency_key: str | None


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

    `data` maps the name of each entity's key (`claim_id`, …) to the key of its first row and, where there are several
    rows, the name with an s (`claim_ids`) to the keys of all. `records` maps tables to rows.
    `audit_head` is the hash (hex) at which the trail stood, worth keeping as a checkpoint.
    """

    request_id: str
    test_run_id: str
    status: str
    data: dict[str, object]
    fixtures: Fixtures
    cleanup: Cleanup
    seed: int | list[int]
    as_of: str
    audit_head: str
    records: NotRequired[dict[str, list[Row]]]


class Residue(TypedDict):
    """A row that the system under test put under a run: it `references` a row of it, or was `created_under` its id."""

    table: str
    key: Row
    reason: str
    deleted: bool


class ResetAnswer(TypedDict):
    """`status` is `cleaned`, or `already_cleaned` for a repeated reset; counts are rows per table.

    It is `cancelled`, without counts, for a volume that was still being made. `residue` is what the system under test
    had added, and is empty in the normal case.
    """

    run_id: str
    status: str
    deleted_counts: NotRequired[dict[str, int]]
    residue: NotRequired[list[Residue]]


class ExtendAnswer(TypedDict):
    """Until when a run lives now (ISO 8601 UTC)."""

    run_id: str
    expires_at: str


class TableDigest(TypedDict):
    """The content of one table, whatever the order of its rows."""

    rows: int
    digest: str


class DigestAnswer(TypedDict):
    """The content of every table at one moment; equal digests mean equal rows."""

    tables: dict[str, TableDigest]


class ResetAllAnswer(TypedDict):
    """What a reset of everything removed: rows per table, and how many runs were recorded as cleaned."""

    strategy: str
    audit_run_id: str
    deleted_counts: dict[str, int]
    cleared_record_count: int


class BaselineEntry(TypedDict):
    """One stored baseline; `row_counts` by table, `captured_at` in ISO 8601 UTC."""

    baseline_id: str
    captured_at: str
    tables: list[str]
    row_counts: dict[str, int]
    schema_version: str


class BaselineList(TypedDict):
    """Baselines, newest first."""

    baselines: list[BaselineEntry]


class SnapshotAnswer(TypedDict):
    """What a snapshot holds: rows per table, at one moment."""

    strategy: str
    audit_run_id: str
    baseline_id: str
    captured_at: str
    tables: list[str]
    row_counts: dict[str, int]
    schema_version: str


class RestoreAnswer(TypedDict):
    """What a restore put back: rows per table, as they were at `captured_at`."""

    strategy: str
    audit_run_id: str
    baseline_id: str
    captured_at: str
    restored_at: str
    row_counts: dict[str, int]


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
    """Every scenario, the constraints of every domain by name, and the packs that cannot be used with the reason."""

    scenarios: list[ScenarioEntry]
    constraints: dict[str, dict[str, Constraint]]
    broken_packs: dict[str, str]


class PackEntry(TypedDict):
    """One installed pack: what it can be asked for, by name."""

    domain: str
    scenarios: list[str]
    constraints: list[str]


class PackList(TypedDict):
    """The packs of a catalog, and those that cannot be used, with the reason."""

    packs: list[PackEntry]
    broken_packs: dict[str, str]


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


class VolumeAnswer(TypedDict):
    """A volume that has been begun; its expiry is told when the rows are there."""

    request_id: str
    test_run_id: str
    status: str
    count: int
    seed: int
    as_of: str
    events: str
    cleanup: Cleanup


class VolumeError(TypedDict):
    """Why a volume has failed."""

    code: str
    message: str
    details: NotRequired[Mapping[str, object]]


class VolumeProgress(TypedDict):
    """How far a volume has come: bundles and rows that were sent, absent where another process makes it.

    The last word has what came of it.
    """

    test_run_id: str
    status: str
    bundles: NotRequired[int]
    rows: NotRequired[int]
    rows_per_second: NotRequired[float]
    row_counts: NotRequired[dict[str, int]]
    expires_at: NotRequired[str]
    digest: NotRequired[str]
    error: NotRequired[VolumeError]
