"""The catalog: what every implementation keeps, and what this one keeps in objects."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from atdm_core import AuditLog, Catalog
from atdm_core.audit import Trail
from atdm_core.errors import TrailBroken
from atdm_core.testing import MemoryCatalog, MemoryLog
from atdm_core.values import CatalogQuery, CatalogRow, RunStatus
from atdm_server.store import DiskStore, ObjectAuditLog, ObjectCatalog
from tests.unit.atdm_server.store.stores import objects_of

NOON = datetime(2026, 7, 4, 12, 0, 0, 123456, tzinfo=UTC)


class Books:
    """A catalog, and the audit log that it asks for statuses."""

    def __init__(self, log: AuditLog, catalog: Catalog) -> None:
        self.log = log
        self.catalog = catalog

    async def record(self, run_id: str, *actions: str, **cells: object) -> CatalogRow:
        """Record a run whose trail has these events."""
        row = msgspec.structs.replace(a_row(run_id), **cells)
        trail = Trail(run_id)
        for action in actions or ("request_received", "catalog_recorded"):
            trail.record(action, invoker="x")
        await self.log.append(trail.unstored())
        await self.catalog.record(row)
        return row

    async def listed(self, **query: object) -> list[str]:
        """The runs that a query lists."""
        asked = msgspec.structs.replace(CatalogQuery(), **query)
        return [row.test_run_id for row in await self.catalog.runs(asked)]


@pytest.fixture(params=["memory", "disk"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Books:
    """A catalog, in memory and on disk."""
    if request.param == "memory":
        log = MemoryLog()
        return Books(log, MemoryCatalog(log))
    log = ObjectAuditLog(DiskStore(tmp_path / "audit"))
    return Books(log, ObjectCatalog(DiskStore(tmp_path / "catalog"), log))


def a_row(run_id: str, status: RunStatus = "ready") -> CatalogRow:
    """A row with something in every cell."""
    return CatalogRow(
        test_run_id=run_id,
        request_id=f"tdr_{run_id}",
        domain="healthcare",
        scenario_id="active_member_clean",
        pack_version="1.0.0",
        status=status,
        created_at=NOON,
        invoker="human:ann",
        planner_mode="rule",
        seed=2**53 - 1,
        as_of=date(2024, 2, 29),
        constraints={"a": None, "b": True, "c": 1, "d": 1.5, "e": "ü"},
        cleanup_strategy="leave",
        token_sha256="0" * 64,
        answer='{"x": "\\u0000"}',
        expires_at=NOON + timedelta(hours=1),
    )


async def test_a_row_reads_back_whole(books: Books) -> None:
    """Every cell of a row reads back as it was."""
    row = await books.record("run")
    assert await books.catalog.find("run") == row
    bare = await books.record("bare", expires_at=None, constraints={})
    assert await books.catalog.find("bare") == bare
    assert await books.catalog.find("nobody") is None


async def test_the_first_row_stands(books: Books) -> None:
    """A second row of a run does not replace the first."""
    row = await books.record("run")
    await books.catalog.record(a_row("run", "rolled_back"))
    assert await books.catalog.find("run") == row


async def test_runs_come_newest_first_up_to_a_limit(books: Books) -> None:
    """Runs are listed by their ids backwards, as ids sort by time, and no more than asked for."""
    for run_id in ("01B", "01A", "01C"):
        await books.record(run_id)
    assert await books.listed() == ["01C", "01B", "01A"]
    assert await books.listed(limit=2) == ["01C", "01B"]


async def test_status_is_that_of_now(books: Books) -> None:
    """A run is listed with the status its trail gives it now, and found by it."""
    await books.record("01A", "request_received", "catalog_recorded", "reset_started", "reset_completed")
    await books.record("01B", "request_received", "seed_failed")
    await books.record("01C")
    rows = await books.catalog.runs(CatalogQuery())
    assert [row.status for row in rows] == ["ready", "rolled_back", "cleaned"]
    assert await books.listed(status="cleaned") == ["01A"]


async def test_rows_without_a_trail_keep_their_status(books: Books) -> None:
    """A row whose trail is missing is listed as it was recorded."""
    await books.catalog.record(a_row("01A", "rejected"))
    assert await books.listed(status="rejected") == ["01A"]


async def test_queries(books: Books) -> None:
    """Runs are found by scenario and by time, the moment itself included."""
    await books.record("01A", scenario_id="expired_eligibility")
    await books.record("01B", created_at=NOON - timedelta(seconds=1))
    assert await books.listed(scenario="expired_eligibility") == ["01A"]
    assert await books.listed(since=NOON) == ["01A"]
    assert await books.listed(since=NOON, scenario="active_member_clean") == []


async def test_a_limit_counts_what_matches(books: Books) -> None:
    """A limit is reached by runs that match, however many others lie between."""
    for number in range(70):
        await books.record(f"01{number:02}", scenario_id="rare" if number % 35 == 0 else "usual")
    assert await books.listed(scenario="rare", limit=2) == ["0135", "0100"]


async def test_damaged_row_is_told(tmp_path: Path) -> None:
    """A row that cannot be read is an error that says so."""
    log = MemoryLog()
    catalog = ObjectCatalog(DiskStore(tmp_path), log)
    await catalog.record(a_row("run"))
    assert list(objects_of(tmp_path)) == ["runs/run.parquet"]
    for damage in (b"", b"nonsense"):
        (tmp_path / "runs/run.parquet").write_bytes(damage)
        with pytest.raises(TrailBroken, match="not a readable catalog row"):
            await catalog.find("run")
