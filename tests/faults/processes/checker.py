"""What must hold when everything is up again: the promises, checked against rows, ledger, trails, catalog and book."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

import httpx2
import msgspec
import psycopg
from msgspec import Struct, field
from psycopg import sql
from psycopg.rows import dict_row

from atdm_core.audit import Trail, run_status
from atdm_core.catalog import expiry_of
from atdm_core.errors import StoreError
from atdm_core.pack import generate
from atdm_core.side_by_side import side_by_side
from atdm_core.values import Plan
from atdm_healthcare.pack import PACK
from atdm_server.store import ObjectAuditLog, open_stores
from atdm_server.verify import verify_store
from tests.faults.processes.clients import Book, Told
from tests.faults.processes.cluster import Cluster

__all__ = ["Verdict", "kept_rows", "settle"]

RUN_TABLES: Final = tuple(name for name, entity in PACK.entities.items() if not entity.reference)
REFERENCE_TABLES: Final = tuple(name for name, entity in PACK.entities.items() if entity.reference)
PAUSE: Final = 0.5  # seconds between two looks
REAPED: Final = timedelta(seconds=10)  # that a run whose time is up may still be there
TOLD: Final = 20  # problems that are shown

Rows: TypeAlias = dict[str, dict[str, list[dict[str, Any]]]]
"""Rows by run and table."""


class Verdict(Struct):
    """What was found at the last look, and how long it took until nothing was wrong."""

    seconds: float = 0.0
    problems: list[str] = field(default_factory=list[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    rows: int = 0

    def require(self) -> None:
        """Fail the test when something is wrong."""
        told = "\n".join(self.problems[:TOLD])
        assert not self.problems, f"{len(self.problems)} promises broken after {self.seconds:.1f} s:\n{told}"

    def __str__(self) -> str:
        states = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        return f"{sum(self.statuses.values())} runs ({states}), {self.rows} rows; settled in {self.seconds:.1f} s"


async def settle(cluster: Cluster, book: Book, kept: Mapping[str, str], within: float) -> Verdict:
    """Look until every promise holds, for so many seconds. `kept` is what `kept_rows` said before anything happened."""
    began = time.monotonic()
    final: dict[str, Trail] = {}
    while True:
        looked = time.monotonic()
        verdict = await _Look(cluster, book, kept, final).all_around()
        verdict.seconds = time.monotonic() - began
        if verdict.problems == book.broken or verdict.seconds > within:
            return verdict
        # To look at thousands of objects is work for the store, which those who settle need as well.
        await asyncio.sleep(max(PAUSE, time.monotonic() - looked))


async def kept_rows(cluster: Cluster, runs: Iterable[str]) -> dict[str, str]:
    """A digest of all that PostgreSQL has for these runs and for the reference tables, by run or table."""
    async with await psycopg.AsyncConnection.connect(cluster.dsn) as connection:
        digests: dict[str, str] = {}
        for table in REFERENCE_TABLES:
            digests[table] = await _digest(connection, table, None)
        for run_id in runs:
            digests[run_id] = " ".join([await _digest(connection, table, run_id) for table in RUN_TABLES])
    return digests


async def _digest(connection: psycopg.AsyncConnection[Any], table: str, run_id: str | None) -> str:
    query = sql.SQL(
        "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} AS t WHERE test_run_id IS NOT DISTINCT FROM %s"
    ).format(sql.Identifier(table))
    found = await (await connection.execute(query, [run_id])).fetchone()
    assert found is not None
    return str(found[0])


class _Look:
    """One look at everything."""

    def __init__(self, cluster: Cluster, book: Book, kept: Mapping[str, str], final: dict[str, Trail]) -> None:
        """`final`: the trails that earlier looks have found to be at their end."""
        self._cluster = cluster
        self._book = book
        self._kept = kept
        self._audit, self._catalog = open_stores(cluster.store_url)
        self._final = final
        self._trails: dict[str, Trail] = dict(final)
        self._rows: Rows = {}
        self._ledger: dict[str, Mapping[str, Any]] = {}
        self._began = time.monotonic()
        self.verdict = Verdict(problems=list(book.broken))

    async def all_around(self) -> Verdict:
        """Everything, of one moment as far as the promises speak of one."""
        try:
            await self._read_trails()
            await self._read_database()
        except (StoreError, psycopg.Error) as error:
            self._tell(f"cannot be read: {error}")
            return self.verdict
        for run_id in self._rows.keys() | self._trails.keys() | self._seeded():
            self._check_run(run_id)
        catalog = {key.removeprefix("runs/").removesuffix(".parquet") for key in await self._catalog.keys("runs/")}
        for told in self._book.runs.values():
            self._check_told(told, in_catalog=told.run_id in catalog)
        self._check_keys()
        await self._check_kept()
        if self.verdict.problems == self._book.broken:  # it reads everything once more
            await self._check_records()
            await self._check_metrics()
        return self.verdict

    async def _read_trails(self) -> None:
        log = ObjectAuditLog(self._audit)
        keys = await self._audit.keys("runs/")
        run_ids = [key.removeprefix("runs/").removesuffix(".parquet") for key in keys]
        run_ids = [run_id for run_id in run_ids if run_id not in self._final]
        for run_id, trail in zip(run_ids, await side_by_side(log.read, run_ids), strict=True):
            if trail is not None:
                self._trails[run_id] = trail
                if run_status(trail.events) in ("cleaned", "expired"):
                    self._final[run_id] = trail
        self.verdict.statuses = Counter(run_status(trail.events) or "open" for trail in self._trails.values())

    async def _read_database(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._cluster.dsn) as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.execute("SET LOCAL timezone TO 'UTC'")
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute("SELECT *, now() - expires_at AS overdue FROM atdm_run")
            self._ledger = {row["run_id"]: row for row in await cursor.fetchall()}
            for table in (*RUN_TABLES, *REFERENCE_TABLES):
                query = sql.SQL("SELECT * FROM {} WHERE test_run_id IS NOT NULL").format(sql.Identifier(table))
                for row in await (await cursor.execute(query)).fetchall():
                    self._rows.setdefault(row["test_run_id"], {}).setdefault(table, []).append(row)
                    self.verdict.rows += 1

    def _seeded(self) -> set[str]:
        return {run_id for run_id, entry in self._ledger.items() if entry["state"] == "seeded"}

    def _check_run(self, run_id: str) -> None:
        """A ready run has exactly the rows of its plan; every other has none."""
        trail, rows = self._trails.get(run_id), self._rows.get(run_id, {})
        entry = self._ledger.get(run_id)
        if entry and self._is_passing_away(entry["overdue"]):
            return
        state = entry and entry["state"]
        status = trail and run_status(trail.events)
        if trail is None or status != "ready":
            if rows or state == "seeded":
                self._tell(
                    f"run {run_id} is {status or 'not recorded'}, in the ledger {state}, rows in: {', '.join(rows)}"
                )
        elif entry is None or state != "seeded":
            self._tell(f"run {run_id} is ready, and {state} in the ledger")
        elif entry["overdue"] and entry["overdue"] > timedelta():
            self._tell(f"the time of run {run_id} was up at {entry['expires_at']}, and nobody took it back")
        elif entry["expires_at"] != expiry_of(trail.events):
            self._tell(f"run {run_id} lives until {entry['expires_at']}, and its trail has {expiry_of(trail.events)}")
        if trail is not None and status == "ready" and _plain(rows) != _plain(_expected(trail)):
            self._tell(f"run {run_id} is ready, and its rows are not those of its plan, in: {', '.join(rows)}")

    def _is_passing_away(self, overdue: timedelta | None) -> bool:
        """Whether the run's time was up a moment ago: its trail was read before its rows, and may be of another day."""
        looking = timedelta(seconds=time.monotonic() - self._began)
        return overdue is not None and timedelta() < overdue < REAPED + looking

    def _check_told(self, told: Told, *, in_catalog: bool) -> None:
        """What a caller was told is what the trail says."""
        trail = self._trails.get(told.run_id)
        if trail is None or not in_catalog:
            self._tell(f"run {told.run_id} was acknowledged; trail: {trail is not None}, catalog: {in_catalog}")
            return
        status = run_status(trail.events)
        if told.head not in {entry.hash.hex() for entry in trail.entries}:
            self._tell(f"run {told.run_id} was acknowledged with head {told.head}, which its trail does not have")
        allowed = {"no": {"ready"}, "tried": {"ready", "cleaned"}, "done": {"cleaned"}}[told.reset]
        if told.ttl is not None:
            allowed = allowed | {"expired"}
        if status not in allowed:
            self._tell(f"run {told.run_id} was acknowledged, its reset: {told.reset}, and it is {status}")
        for event in trail.events:
            if event.action == "run_expired" and told.until and event.timestamp < told.until:
                self._tell(f"run {told.run_id} was promised until {told.until}, and taken back at {event.timestamp}")
        if told.extended is not None:
            self._check_extension(told, trail)

    def _check_extension(self, told: Told, trail: Trail) -> None:
        ends = [event.outputs["expires_at"] for event in trail.events if event.action == "ttl_extended"]
        if told.extended not in [msgspec.convert(end, type(told.extended)) for end in ends]:
            self._tell(f"run {told.run_id} was extended to {told.extended}, and its trail has {ends}")
        for event in trail.events:
            if event.action == "run_expired" and told.extended and event.timestamp < told.extended:
                self._tell(f"run {told.run_id} was extended to {told.extended}, and taken back at {event.timestamp}")

    def _check_keys(self) -> None:
        """One seed for each key that was answered, one at most for others. The invoker is `agent:<key>`."""
        seeded = Counter(
            trail.events[0].invoker.removeprefix("agent:")
            for run_id, trail in self._trails.items()
            if (entry := self._ledger.get(run_id)) is not None and entry["bundle_sha"] is not None
        )
        for key in self._book.sent:
            if seeded[key] > 1 or (key in self._book.keys and not seeded[key]):
                self._tell(f"key {key} was seeded {seeded[key]} times")

    async def _check_kept(self) -> None:
        now = await kept_rows(self._cluster, (name for name in self._kept if name not in REFERENCE_TABLES))
        for name, digest in self._kept.items():
            if now[name] != digest:
                self._tell(f"the rows of {name} are not what they were")

    async def _check_records(self) -> None:
        report = await verify_store((self._audit, self._catalog))
        for problem in report.problems:
            self._tell(f"verify: {problem.code} {problem.key}: {problem.message}")
        if report.open_runs:
            marks = (await ObjectAuditLog(self._audit).marks({})).marks
            for run in report.open_runs:
                of_run = [f"{log[-4:]} {m.kind} {m.state} {m.at:%X.%f}" for log, m in marks if m.run_id == run.run_id]
                trail = self._trails.get(run.run_id)  # none yet, where nobody has decided
                events = [f"{event.action} {event.timestamp:%X.%f}" for event in trail.events] if trail else []
                self._tell(f"verify: run {run.run_id} is open: {run.reason}\n  {of_run}\n  {events}")

    async def _check_metrics(self) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
            for name, url in self._cluster.urls.items():
                lines = (await http.get(f"{url}/metrics")).text.splitlines()
                for metric in ("atdm_audit_dropped_events_total", "atdm_overdue_runs"):
                    told = [line.split()[1] for line in lines if line.startswith(f"{metric} ")]
                    if told != ["0.0"]:
                        self._tell(f"{name} has {metric}: {told}")

    def _tell(self, problem: str) -> None:
        self.verdict.problems.append(problem)


def _expected(trail: Trail) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The rows that the run's plan makes, whoever makes them."""
    planned = next(event for event in trail.events if event.action == "plan_resolved")
    return generate(PACK, msgspec.convert(planned.outputs["plan"], Plan), trail.run_id).records()


def _plain(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Rows in a form that can be compared, whatever the order of rows and columns."""
    return {
        table: sorted(str(sorted((name, str(value)) for name, value in row.items())) for row in of_table)
        for table, of_table in rows.items()
    }
