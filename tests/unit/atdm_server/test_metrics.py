"""Metrics: read off the events of trails, complete by name, and safe from made-up labels."""

import httpx2
import pytest

from atdm_core.audit import Trail
from atdm_core.testing import MemoryLog
from atdm_server.metrics import MeasuredAuditLog, count_dropped, exposition, measured_request

CONTRACT = {
    "atdm_up",
    "atdm_requests_total",
    "atdm_request_latency_seconds",
    "atdm_resets_total",
    "atdm_reset_latency_seconds",
    "atdm_seed_records_total",
    "atdm_validator_rejections_total",
    "atdm_planner_invocations_total",
    "atdm_fixtures_emitted_total",
    "atdm_catalog_writes_total",
    "atdm_audit_events_total",
    "atdm_audit_write_latency_seconds",
    "atdm_audit_dropped_events_total",
    "atdm_overdue_runs",
}


def value(line: str) -> float:
    """The value of a sample of the exposition; 0 when there is none."""
    for told in exposition({}).decode().splitlines():
        if told.startswith(f"{line} "):
            return float(told.rpartition(" ")[2])
    return 0.0


def test_every_metric_of_the_contract_is_exposed() -> None:
    """All names of the contract are there, with a help text each."""
    text = exposition({}).decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP atdm_")}
    assert {name for name in names if not name.endswith("_created")} == CONTRACT


async def test_events_are_counted_as_they_are_stored() -> None:
    """What a stored part tells is counted: rows by table, plans by mode, rejections by validator, fixtures by kind."""
    samples = {
        'atdm_seed_records_total{table="order"}': 3,
        'atdm_planner_invocations_total{mode="rule"}': 1,
        'atdm_validator_rejections_total{validator="a.b"}': 1,
        'atdm_fixtures_emitted_total{kind="pytest"}': 1,
        'atdm_audit_events_total{action="seed_completed",status="ok"}': 1,
    }
    before = {sample: value(sample) for sample in samples}
    trail = Trail("run")
    decisions = [{"validator": "a.b", "ok": False}, {"validator": "a.c", "ok": True}]
    trail.record("plan_resolved", invoker="x", outputs={"plan": {"planner_mode": "rule"}})
    trail.record("plan_rejected", invoker="x", outputs={"validator_decisions": decisions})
    trail.record("seed_completed", invoker="x", outputs={"row_counts": {"order": 3}})
    trail.record("fixtures_emitted", invoker="x", outputs={"paths": ["/a/b.py"]})
    await MeasuredAuditLog(MemoryLog()).append(trail.unstored())
    assert {sample: value(sample) - before[sample] for sample in samples} == samples


def test_dropped_events_show() -> None:
    """Events that are given up for lost are counted."""
    before = value("atdm_audit_dropped_events_total")
    count_dropped(2)
    assert value("atdm_audit_dropped_events_total") - before == 2


def test_unforeseen_errors_are_counted_too() -> None:
    """A request that ends in an error nobody foresaw has the status INTERNAL_ERROR."""
    sample = 'atdm_requests_total{scenario="s",status="INTERNAL_ERROR"}'
    before = value(sample)
    with pytest.raises(RuntimeError), measured_request("s"):
        raise RuntimeError
    assert value(sample) - before == 1


async def test_made_up_scenarios_share_a_label(client: httpx2.AsyncClient) -> None:
    """A scenario that does not exist is counted as unknown, so that callers cannot make time series."""
    await client.post("/test-data/requests", json={"scenario": "made_up_by_me"})
    text = (await client.get("/metrics")).text
    assert "made_up_by_me" not in text
