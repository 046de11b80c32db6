"""What the API can be asked, each once and not yet sent: a `Call` knows everything but who sends it, and when.

The blocking and the asynchronous client send the same calls; `Call[Answer]` carries the type of what comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, TypeVar, Unpack
from urllib.parse import quote
from uuid import uuid4

from atdm.contract import (
    AuditTrail,
    BaselineList,
    DigestAnswer,
    ExtendAnswer,
    RequestOptions,
    ResetAllAnswer,
    ResetAnswer,
    RestoreAnswer,
    RunList,
    ScenarioAnswer,
    ScenarioCatalog,
    SnapshotAnswer,
    VolumeAnswer,
    VolumeOptions,
    VolumeProgress,
)

__all__ = [
    "Call",
    "audit_path",
    "baseline_list",
    "baseline_restore",
    "baseline_snapshot",
    "create_volume",
    "extend_run",
    "follow_volume",
    "get_audit",
    "get_digest",
    "get_scenarios",
    "list_runs",
    "request_scenario",
    "reset_all",
    "reset_run",
]

Answer_co = TypeVar("Answer_co", covariant=True)

# A request seeds the target before it answers; the server's own bound on a slow target is well below this.
ANSWER_SECONDS = 60.0
# Copying a whole database, or deleting a run of millions of rows, may take minutes.
LONG_ANSWER_SECONDS = 900.0


@dataclass(frozen=True)
class Call(Generic[Answer_co]):
    """One exchange with the API, before it is sent.

    `seconds` bounds the wait for an answer, repetitions included. `repeatable`: sent twice, it leaves what it leaves
    when it is sent once.
    """

    method: str
    path: str
    body: Mapping[str, object] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = ANSWER_SECONDS
    repeatable: bool = False


def request_scenario(scenario: str, **options: Unpack[RequestOptions]) -> Call[ScenarioAnswer]:
    """Have a scenario planned, generated, validated and written; always under an idempotency key."""
    wishes: dict[str, object] = {
        "constraints": dict(options.get("constraints") or {}) or None,
        "domain": options.get("domain"),
        "seed": options.get("seed"),
        "as_of": _day(options.get("as_of")),
        "ttl_seconds": options.get("ttl_seconds"),
    }
    delivery = {
        "seed_target": options.get("seed_target", True),
        "return_playwright_fixture": options.get("return_playwright_fixture", False),
        "return_pytest_fixture": options.get("return_pytest_fixture", False),
        "return_records": options.get("return_records", False),
    }
    return Call(
        "POST",
        "/test-data/requests",
        body={"scenario": scenario, **_given(wishes), "delivery": delivery},
        headers={"Idempotency-Key": options.get("idempotency_key") or uuid4().hex},
        repeatable=True,
    )


def create_volume(
    domain: str, mix: Mapping[str, int], count: int, **options: Unpack[VolumeOptions]
) -> Call[VolumeAnswer]:
    """Begin a volume; always under an idempotency key."""
    day, ttl_seconds = _day(options.get("as_of")), options.get("ttl_seconds")
    wishes = _given({"seed": options.get("seed"), "as_of": day, "ttl_seconds": ttl_seconds})
    return Call(
        "POST",
        "/test-data/volumes",
        body={"domain": domain, "mix": dict(mix), "count": count, **wishes},
        headers={"Idempotency-Key": options.get("idempotency_key") or uuid4().hex},
        repeatable=True,
    )


def follow_volume(run_id: str) -> Call[VolumeProgress]:
    """How far a volume has come, as a stream of events."""
    path = f"/test-data/volumes/{quote(run_id, safe='')}/events"
    return Call("GET", path, headers={"Accept": "text/event-stream"}, repeatable=True)


def reset_run(run_id: str, token: str) -> Call[ResetAnswer]:
    """Remove the rows of one run."""
    path = f"/test-data/runs/{quote(run_id, safe='')}/reset"
    body = {"cleanup_token": token}
    return Call("POST", path, body=body, seconds=LONG_ANSWER_SECONDS, repeatable=True)


def extend_run(run_id: str, token: str, ttl_seconds: int) -> Call[ExtendAnswer]:
    """Let a run live so many seconds from now."""
    path = f"/test-data/runs/{quote(run_id, safe='')}/extend"
    return Call("POST", path, body={"cleanup_token": token, "ttl_seconds": ttl_seconds}, repeatable=True)


def reset_all() -> Call[ResetAllAnswer]:
    """Remove the rows of every run."""
    return Call("POST", "/test-data/reset/all", headers={"X-Confirm": "yes"}, seconds=LONG_ANSWER_SECONDS)


def baseline_snapshot(baseline_id: str | None = None) -> Call[SnapshotAnswer]:
    """Store every table as it is."""
    body = _given({"baseline_id": baseline_id})
    return Call("POST", "/test-data/baseline/snapshot", body=body, seconds=LONG_ANSWER_SECONDS)


def baseline_restore(baseline_id: str | None = None) -> Call[RestoreAnswer]:
    """Put every table back as a baseline holds it."""
    body = _given({"baseline_id": baseline_id})
    return Call("POST", "/test-data/baseline/restore", body=body, seconds=LONG_ANSWER_SECONDS)


def baseline_list() -> Call[BaselineList]:
    """The stored baselines."""
    return Call("GET", "/test-data/baseline/list", repeatable=True)


def get_audit(run_id: str) -> Call[AuditTrail]:
    """The audit trail of a run."""
    return Call("GET", f"/audit/runs/{quote(run_id, safe='')}", repeatable=True)


def get_digest() -> Call[DigestAnswer]:
    """A digest of every table."""
    return Call("GET", "/test-data/digest", seconds=LONG_ANSWER_SECONDS, repeatable=True)


def get_scenarios() -> Call[ScenarioCatalog]:
    """What can be asked for."""
    return Call("GET", "/catalog/scenarios", repeatable=True)


def list_runs(
    *,
    scenario: str | None = None,
    since: datetime | str | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> Call[RunList]:
    """Past runs that match."""
    moment = since.isoformat() if isinstance(since, datetime) else since
    wishes = {"scenario": scenario, "since": moment, "status": status, "limit": limit}
    params = {name: value for name, value in wishes.items() if value is not None}
    return Call("GET", "/catalog/runs", params=params, repeatable=True)


def audit_path(run_id: str) -> str:
    """The page that shows the trail of a run to a person."""
    return f"/ui/audit/{quote(run_id, safe='')}"


def _day(as_of: date | str | None) -> str | None:
    return as_of.isoformat() if isinstance(as_of, date) else as_of


def _given(wishes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in wishes.items() if value is not None}
