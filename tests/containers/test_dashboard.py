"""The Grafana dashboard and the Prometheus file speak of metrics that exist, and of all of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[2] / "infra"
DASHBOARD: dict[str, Any] = json.loads((INFRA / "grafana" / "atdm-dashboard.json").read_text())

CONTRACT: dict[str, set[str]] = {
    "atdm_up": set(),
    "atdm_requests_total": {"scenario", "status"},
    "atdm_request_latency_seconds": {"scenario"},
    "atdm_resets_total": {"strategy", "status"},
    "atdm_reset_latency_seconds": {"strategy"},
    "atdm_seed_records_total": {"table"},
    "atdm_validator_rejections_total": {"validator"},
    "atdm_planner_invocations_total": {"mode"},
    "atdm_fixtures_emitted_total": {"kind"},
    "atdm_catalog_writes_total": set(),
    "atdm_audit_events_total": {"action", "status"},
    "atdm_audit_write_latency_seconds": set(),
    "atdm_audit_dropped_events_total": set(),
    "atdm_overdue_runs": set(),
}
"""The metrics of the contract with their labels; those in seconds are histograms."""


def expressions() -> Iterator[str]:
    """Every PromQL expression of the dashboard."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def metric(name: str) -> str:
    """The metric that a series belongs to: a histogram's buckets, sum and count carry a suffix."""
    return re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name)


def test_every_expression_names_metrics_that_exist() -> None:
    """No expression names a metric, or groups it by a label, that the server does not have; and none is left out."""
    seen: set[str] = set()
    for expression in expressions():
        named = {metric(name) for name in re.findall(r"\batdm_\w+", expression)}
        assert named <= CONTRACT.keys(), expression
        labels = {label for name in named for label in CONTRACT[name]} | {"le"}
        grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
        selected = set(re.findall(r"[{,]\s*(\w+)\s*(?:=|!=|=~|!~)", expression))
        assert grouped | selected <= labels, expression
        seen |= named
    assert seen == CONTRACT.keys()


def test_a_histogram_is_read_by_its_buckets() -> None:
    """Quantiles are taken of buckets grouped by `le`, and nothing else reads a latency."""
    for expression in expressions():
        if "_seconds" in expression:
            assert re.search(r"histogram_quantile\(0\.\d+, sum by \(le\b.*_seconds_bucket\[", expression), expression


def test_panels_lie_side_by_side() -> None:
    """Every panel has a title, an explanation and a place of its own on the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {
            (column, row)
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells


def test_prometheus_scrapes_the_server_where_the_local_stack_puts_it() -> None:
    """The scrape file asks /metrics of the server's default address."""
    (job,) = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:18001"]}]
