"""The audit log: what every implementation keeps, and what this one keeps in objects."""

from pathlib import Path

import pytest

from atdm_core import AuditLog
from atdm_core.audit import Trail, decode_entries
from atdm_core.errors import StoreUnavailable, TrailBroken, TrailConflict
from atdm_core.testing import MemoryLog
from atdm_server.store import DiskStore, ObjectAuditLog
from tests.unit.atdm_server.store.stores import MoodyStore, a_mark, objects_of


@pytest.fixture(params=["memory", "disk"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> AuditLog:
    """An audit log, in memory and on disk."""
    return MemoryLog() if request.param == "memory" else ObjectAuditLog(DiskStore(tmp_path))


@pytest.fixture
def disk(tmp_path: Path) -> ObjectAuditLog:
    """An audit log on disk."""
    return ObjectAuditLog(DiskStore(tmp_path))


async def store(log: AuditLog, trail: Trail, *actions: str) -> None:
    """Record events, and store them as one part."""
    for action in actions:
        trail.record(action, invoker="human:ann")
    await log.append(trail.unstored())
    trail.mark_stored()


async def test_parts_read_back_as_one_trail(log: AuditLog) -> None:
    """What was stored in parts reads back as one trail, which can be gone on with."""
    trail = Trail("run")
    await store(log, trail, "request_received", "catalog_recorded")
    await store(log, trail, "reset_started")
    await store(log, trail, "reset_completed")
    read = await log.read("run")
    assert read is not None
    assert read.entries == trail.entries
    await store(log, read, "reset_rejected")
    again = await log.read("run")
    assert again is not None
    assert len(again.entries) == 5


async def test_unknown_run_has_no_trail(log: AuditLog) -> None:
    """A run that nobody stored has no trail."""
    assert await log.read("nobody") is None


async def test_strategies_newest_first(log: AuditLog) -> None:
    """The newest strategies come newest first, whatever their names are, and runs are not among them."""
    ids = ["strategy-reset_all-01B", "strategy-baseline_restore-01C", "01D", "strategy-baseline_snapshot-01A"]
    for run_id in ids:
        await store(log, Trail(run_id), "started")
    assert [trail.run_id for trail in await log.strategies(2)] == [ids[1], ids[0]]
    assert [trail.run_id for trail in await log.strategies(9)] == [ids[1], ids[0], ids[3]]


async def test_a_part_is_stored_once(log: AuditLog) -> None:
    """Of two who store the same part of a trail the second learns of it, and the first one's stays."""
    mine, theirs = Trail("run"), Trail("run")
    await store(log, mine, "request_received", "catalog_recorded")
    with pytest.raises(TrailConflict, match="part 0 of run run exists"):
        await store(log, theirs, "request_received", "seed_failed")
    first, second = await log.read("run"), await log.read("run")
    assert first is not None
    assert second is not None
    await store(log, first, "reset_started")
    with pytest.raises(TrailConflict, match="part 1 of run run exists"):
        await store(log, second, "reset_rejected")
    read = await log.read("run")
    assert read is not None
    assert [event.action for event in read.events] == ["request_received", "catalog_recorded", "reset_started"]


async def test_marks_are_taken(log: AuditLog) -> None:
    """The process log takes both kinds of marks."""
    await log.note(a_mark("run"))
    await log.note(a_mark("run", "close"))


async def test_objects_stand_where_the_design_says(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """The run object, its parts and the process log each have their place."""
    trail = Trail("run")
    await disk.note(a_mark("run"))
    await store(disk, trail, "request_received")
    await store(disk, trail, "reset_started")
    await disk.close()
    keys = sorted(objects_of(tmp_path))
    assert keys[:2] == ["parts/run/000001.parquet", "runs/run.parquet"]
    assert keys[2].startswith("segments/")
    assert disk.url("run") == f"{tmp_path.as_uri()}/runs/run.parquet"


async def test_an_open_mark_is_durable_on_return(tmp_path: Path) -> None:
    """An open mark waits for the store and fails with it; a close mark does neither."""
    moody = MoodyStore(tmp_path)
    log = ObjectAuditLog(moody)
    moody.failing = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await log.note(a_mark("run"))
    moody.failing = StoreUnavailable("away")
    await log.note(a_mark("run", "close"))
    await log.close()
    await log.note(a_mark("run"))
    assert len(objects_of(tmp_path)) == 1


async def test_the_view_shows_the_whole_trail(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """A reader of the bare run object sees later events too."""
    trail = Trail("run")
    await store(disk, trail, "request_received")
    await store(disk, trail, "reset_started")
    await disk.close()
    assert decode_entries((tmp_path / "runs/run.parquet").read_bytes()) == trail.entries


async def test_the_view_of_a_trail_that_others_wrote_too(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """The view has the events of every process, whichever of them renders it."""
    trail = Trail("run")
    await store(disk, trail, "request_received")
    await store(ObjectAuditLog(DiskStore(tmp_path)), trail, "reset_started")
    await store(disk, trail, "reset_completed")
    await disk.close()
    assert decode_entries((tmp_path / "runs/run.parquet").read_bytes()) == trail.entries


async def test_a_lost_view_loses_nothing(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """A view that was not rendered again, or rendered too early, still reads as the whole trail."""
    trail = Trail("run")
    view = tmp_path / "runs/run.parquet"
    await store(disk, trail, "request_received", "catalog_recorded")
    first = view.read_bytes()
    await store(disk, trail, "reset_started")
    await disk.close()
    second = view.read_bytes()
    await store(disk, trail, "reset_completed")
    await disk.close()
    assert len({first, second, view.read_bytes()}) == 3
    for stale in (first, second):
        view.write_bytes(stale)
        read = await disk.read("run")
        assert read is not None
        assert read.entries == trail.entries


async def test_a_tampered_part_is_detected(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """A part that is another run's, is damaged, or misses a predecessor breaks the trail, and the run is named."""
    trail, other = Trail("run"), Trail("other")
    for each in (trail, other):
        await store(disk, each, "request_received")
        await store(disk, each, "reset_started")
    await disk.close()
    part = tmp_path / "parts/run/000001.parquet"
    good = part.read_bytes()
    for bad in (b"", good[:-9], (tmp_path / "parts/other/000001.parquet").read_bytes()):
        part.write_bytes(bad)
        with pytest.raises(TrailBroken):
            await disk.read("run")
    part.write_bytes(good)
    assert await disk.read("run") is not None


async def test_a_swapped_run_object_is_detected(disk: ObjectAuditLog, tmp_path: Path) -> None:
    """The trail of one run cannot take the place of another's."""
    for run_id in ("run", "other"):
        await store(disk, Trail(run_id), "request_received")
    (tmp_path / "runs/run.parquet").write_bytes((tmp_path / "runs/other.parquet").read_bytes())
    with pytest.raises(TrailBroken, match="run run"):
        await disk.read("run")


async def test_check_asks_the_store(tmp_path: Path) -> None:
    """The log is well when its store answers."""
    await ObjectAuditLog(DiskStore(tmp_path / "fine")).check()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await ObjectAuditLog(DiskStore(tmp_path / "file")).check()
