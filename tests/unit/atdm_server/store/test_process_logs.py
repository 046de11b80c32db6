"""The process logs of all servers, read as they grow."""

from pathlib import Path

import pytest

from atdm_core import AuditLog
from atdm_core.protocols import LogNews
from atdm_core.testing import MemoryLog
from atdm_server.store import DiskStore, ObjectAuditLog
from tests.unit.atdm_server.store.stores import a_mark


@pytest.fixture(params=["memory", "disk"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> AuditLog:
    """An audit log, in memory and on disk."""
    return MemoryLog() if request.param == "memory" else ObjectAuditLog(DiskStore(tmp_path))


def runs(news: LogNews) -> list[str]:
    """The runs that the marks are of."""
    return [mark.run_id for _, mark in news.marks]


async def test_each_mark_is_news_once(log: AuditLog) -> None:
    """Marks come in the order in which they were noted, and once to whoever passes on what it has seen."""
    assert await log.marks({}) == LogNews((), {}) or not (await log.marks({})).marks
    await log.note(a_mark("a"))
    await log.note(a_mark("b"))
    first = await log.marks({})
    assert runs(first) == ["a", "b"]
    assert runs(await log.marks(first.seen)) == []
    await log.note(a_mark("c"))
    second = await log.marks(first.seen)
    assert runs(second) == ["c"]
    assert {log_id for log_id, _ in second.marks} == set(second.seen)
    assert runs(await log.marks({})) == ["a", "b", "c"]


async def test_a_retired_log_is_left_out(log: AuditLog) -> None:
    """A log that was retired, as often as you like, is not read again."""
    await log.note(a_mark("a"))
    news = await log.marks({})
    for log_id in (*news.seen, *news.seen):
        await log.retire(log_id)
    assert runs(await log.marks({})) == []
    assert (await log.marks(news.seen)).seen == {}


async def test_the_logs_of_all_processes_are_read(tmp_path: Path) -> None:
    """Whoever asks hears of the marks of every process, more than are read at a time, and retires one alone."""
    processes = [ObjectAuditLog(DiskStore(tmp_path)) for _ in range(40)]
    for number, process in enumerate(processes):
        await process.note(a_mark(f"{number:02}"))
    news = await processes[0].marks({})
    assert sorted(runs(news)) == [f"{number:02}" for number in range(40)]
    assert set(news.seen.values()) == {1}
    ended = next(log_id for log_id, mark in news.marks if mark.run_id == "07")
    await processes[0].retire(ended)
    again = await processes[1].marks({})
    assert sorted({*runs(news)} - {*runs(again)}) == ["07"]


async def test_a_damaged_segment_stops_nobody(tmp_path: Path) -> None:
    """A segment that cannot be read is passed over, as the others still have runs that wait for recovery."""
    log = ObjectAuditLog(DiskStore(tmp_path))
    for name in ("a", "b", "c"):
        await log.note(a_mark(name))
    path = sorted((tmp_path / "segments").rglob("*.parquet"))[1]
    path.write_bytes(b"nonsense")
    news = await ObjectAuditLog(DiskStore(tmp_path)).marks({})
    assert runs(news) == ["a", "c"]
    assert set(news.seen.values()) == {3}


async def test_own_segments_are_not_read_back(tmp_path: Path) -> None:
    """A process knows what it has just written; asked again from the beginning, it reads."""
    log = ObjectAuditLog(DiskStore(tmp_path))
    await log.note(a_mark("a"))
    (path,) = (tmp_path / "segments").rglob("*.parquet")
    stored = path.read_bytes()
    path.write_bytes(b"nonsense")
    assert runs(await log.marks({})) == ["a"]
    assert runs(await log.marks({})) == []
    path.write_bytes(stored)
    assert runs(await log.marks({})) == ["a"]


async def test_files_of_others_are_no_segments(tmp_path: Path) -> None:
    """What somebody else put beside the segments is not read."""
    log = ObjectAuditLog(DiskStore(tmp_path))
    await log.note(a_mark("a"))
    (folder,) = (tmp_path / "segments").iterdir()
    (folder / "notes.txt").write_text("x")
    assert runs(await log.marks({})) == ["a"]
