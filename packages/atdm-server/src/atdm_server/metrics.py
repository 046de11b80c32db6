"""Metrics in Prometheus' text format, right with any number of worker processes.

What runs do is read off the trail's events as they are stored, so that a metric can never tell another story than the
trail. With several workers, `PROMETHEUS_MULTIPROC_DIR` names a folder in which each keeps its numbers; the command sets
it before the workers start.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from atdm_core import AtdmError, Event
from atdm_core.audit import Mark, Part, Trail
from atdm_core.protocols import AuditLog, Catalog, LogNews
from atdm_core.values import CatalogQuery, CatalogRow

__all__ = [
    "MULTIPROCESS",
    "MeasuredAuditLog",
    "MeasuredCatalog",
    "count_dropped",
    "count_overdue",
    "count_process",
    "exposition",
    "measured_request",
    "measured_strategy",
]

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

UP: Final = Gauge("atdm_up", "1 while a server process lives.", multiprocess_mode="max")
REQUESTS: Final = Counter("atdm_requests", "Requests for data.", ["scenario", "status"])
REQUEST_LATENCY: Final = Histogram(
    "atdm_request_latency_seconds", "Time to serve a request for data.", ["scenario"], buckets=_BUCKETS
)
RESETS: Final = Counter("atdm_resets", "Strategies that were applied.", ["strategy", "status"])
RESET_LATENCY: Final = Histogram(
    "atdm_reset_latency_seconds", "Time to apply a strategy.", ["strategy"], buckets=_BUCKETS
)
SEED_RECORDS: Final = Counter("atdm_seed_records", "Rows written into the target.", ["table"])
REJECTIONS: Final = Counter("atdm_validator_rejections", "Bundles that a validator refused.", ["validator"])
PLANS: Final = Counter("atdm_planner_invocations", "Plans that were made.", ["mode"])
FIXTURES: Final = Counter("atdm_fixtures_emitted", "Fixture files that were written.", ["kind"])
CATALOG_WRITES: Final = Counter("atdm_catalog_writes", "Rows written into the catalog.")
AUDIT_EVENTS: Final = Counter("atdm_audit_events", "Events stored in trails.", ["action", "status"])
AUDIT_LATENCY: Final = Histogram(
    "atdm_audit_write_latency_seconds", "Time to store a part of a trail.", buckets=_BUCKETS
)
AUDIT_DROPPED: Final = Counter("atdm_audit_dropped_events", "Events that could not be stored. Must stay 0.")

OVERDUE: Final = Gauge(
    "atdm_overdue_runs",
    "Runs and strategies that stand open for longer than they may, at the last round of recovery.",
    multiprocess_mode="mostrecent",
)

_FIXTURE_KINDS: Final = {".json": "playwright", ".ts": "playwright", ".py": "pytest"}


class MeasuredAuditLog:
    """An `AuditLog` that counts what it stores."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        await self._log.note(mark)

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """See `AuditLog.marks`."""
        return await self._log.marks(seen)

    async def retire(self, log_id: str) -> None:
        """See `AuditLog.retire`."""
        await self._log.retire(log_id)

    async def append(self, part: Part) -> None:
        """See `AuditLog.append`."""
        with AUDIT_LATENCY.time():
            await self._log.append(part)
        for entry in part.entries:
            _count(entry.event)

    async def read(self, run_id: str) -> Trail | None:
        """See `AuditLog.read`."""
        return await self._log.read(run_id)

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """See `AuditLog.strategies`."""
        return await self._log.strategies(limit)


class MeasuredCatalog:
    """A `Catalog` that counts what it records."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def record(self, row: CatalogRow) -> None:
        """See `Catalog.record`."""
        await self._catalog.record(row)
        CATALOG_WRITES.inc()

    async def find(self, run_id: str) -> CatalogRow | None:
        """See `Catalog.find`."""
        return await self._catalog.find(run_id)

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """See `Catalog.runs`."""
        return await self._catalog.runs(query)


@contextmanager
def measured_request(scenario: str) -> Generator[None]:
    """Count a request for data and time it; the status is `ready`, or the code of its error."""
    with _measured(REQUESTS, REQUEST_LATENCY, scenario, "ready"):
        yield


@contextmanager
def measured_strategy(strategy: str) -> Generator[None]:
    """Count a strategy and time it; the status is `completed`, or the code of its error."""
    with _measured(RESETS, RESET_LATENCY, strategy, "completed"):
        yield


def count_process() -> None:
    """Say that this process serves."""
    UP.set(1)


def count_overdue(runs: int) -> None:
    """Say how many runs and strategies a round of recovery left open for longer than they may be."""
    OVERDUE.set(runs)


def count_dropped(events: int) -> None:
    """Count events that are given up for lost."""
    AUDIT_DROPPED.inc(events)


def exposition(environment: Mapping[str, str]) -> bytes:
    """All metrics, as text; of all workers when they share a folder."""
    folder = environment.get(MULTIPROCESS)
    if not folder:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)
    return generate_latest(registry)


@contextmanager
def _measured(counter: Counter, histogram: Histogram, name: str, success: str) -> Generator[None]:
    started = time.perf_counter()
    status = "INTERNAL_ERROR"
    try:
        yield
        status = success
    except AtdmError as error:
        status = error.code
        raise
    finally:
        counter.labels(name, status).inc()
        histogram.labels(name).observe(time.perf_counter() - started)


def _count(event: Event) -> None:
    AUDIT_EVENTS.labels(event.action, event.status).inc()
    outputs: Mapping[str, Any] = event.outputs
    match event.action:
        case "plan_resolved":
            PLANS.labels(outputs["plan"]["planner_mode"]).inc()
        case "plan_rejected":
            for decision in outputs["validator_decisions"]:
                if not decision["ok"]:
                    REJECTIONS.labels(decision["validator"]).inc()
        case "seed_completed":
            for table, rows in outputs["row_counts"].items():
                SEED_RECORDS.labels(table).inc(rows)
        case "fixtures_emitted":
            for path in outputs["paths"]:
                FIXTURES.labels(_FIXTURE_KINDS[path[path.rindex(".") :]]).inc()
        case _:
            pass
