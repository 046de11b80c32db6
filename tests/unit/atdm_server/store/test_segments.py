"""The process log: group commit, and one chain of segments."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atdm_core.errors import StoreUnavailable, TrailBroken
from atdm_core.parquet import encode_rows
from atdm_server.store import segments as module
from atdm_server.store.segments import (
    LONGEST_LIFE,
    Segment,
    SegmentLog,
    decode_segment,
    encode_segment,
    first_previous,
)
from tests.unit.atdm_server.store.stores import MoodyStore, a_mark, objects_of


@pytest.fixture
async def store(tmp_path: Path) -> MoodyStore:
    """A store on disk."""
    return MoodyStore(tmp_path)


def segments(folder: Path) -> list[list[str]]:
    """The runs that each stored segment names, and a check of the chain between them."""
    found: list[list[str]] = []
    previous = None
    for key, data in sorted(objects_of(folder).items()):
        _, process, number = key.split("/")
        assert number == f"{len(found):08}.parquet"
        segment = decode_segment(data)
        assert segment.previous_sha256 == (previous or sha256(b"atdm segments 1:" + process.encode()).hexdigest())
        previous = sha256(data).hexdigest()
        rows = pq.read_table(pa.BufferReader(data)).to_pylist()
        told = [(row["kind"], row["test_run_id"], row["at"]) for row in rows]
        assert [(mark.kind, mark.run_id, mark.at) for mark in segment.marks] == told
        found.append([mark.run_id for mark in segment.marks])
    return found


def chain_of_logs(folder: Path) -> list[tuple[str, int]]:
    """Which log each log continues, and how many segments each has, oldest first."""
    logs = sorted((folder / "segments").iterdir())
    first = [decode_segment((log / "00000000.parquet").read_bytes()) for log in logs]
    return [(segment.continues, len(list(log.iterdir()))) for segment, log in zip(first, logs, strict=True)]


async def test_a_lonely_mark_is_one_segment(store: MoodyStore, tmp_path: Path) -> None:
    """A mark that comes alone is stored at once."""
    log = SegmentLog(store)
    await log.write(a_mark("a"))
    await log.write(a_mark("b"))
    assert segments(tmp_path) == [["a"], ["b"]]


async def test_what_comes_meanwhile_is_stored_together(store: MoodyStore, tmp_path: Path) -> None:
    """While one segment is on its way, all marks that come form the next one, and only one is on its way at a time."""
    store.go.clear()
    log = SegmentLog(store)
    first = log.write(a_mark("first"))
    await store.held.wait()
    others = [log.write(a_mark(str(i))) for i in range(50)]
    assert len(store.created) == 1
    assert not first.done()
    store.go.set()
    await asyncio.gather(first, *others)
    assert segments(tmp_path) == [["first"], [str(i) for i in range(50)]]


async def test_a_failure_meets_its_own_waiters_only(store: MoodyStore, tmp_path: Path) -> None:
    """A segment that cannot be stored fails those who wait for it; the next one takes its place in the chain."""
    log = SegmentLog(store)
    await log.write(a_mark("before"))
    store.failing = StoreUnavailable("away")
    store.go.clear()
    store.held.clear()
    unlucky = log.write(a_mark("unlucky"))
    await store.held.wait()
    lucky = log.write(a_mark("lucky"))
    store.go.set()
    with pytest.raises(StoreUnavailable):
        await unlucky
    await lucky
    assert segments(tmp_path) == [["before"], ["lucky"]]


async def test_a_lost_answer_does_not_stop_the_log(store: MoodyStore, tmp_path: Path) -> None:
    """A segment that was stored although its answer was lost stays in the chain, and the log goes on after it."""
    log = SegmentLog(store)
    store.losing = True
    with pytest.raises(StoreUnavailable):
        await log.write(a_mark("lost"))
    await log.write(a_mark("next"))
    await log.write(a_mark("last"))
    assert segments(tmp_path) == [["lost"], ["next"], ["last"]]


async def test_an_unforeseen_error_leaves_nobody_waiting(store: MoodyStore) -> None:
    """Whatever a store raises, those who wait hear of it."""
    log = SegmentLog(store)
    store.failing = RuntimeError("a fault in the store")
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(log.write(a_mark("a")), 5)
    await log.write(a_mark("b"))


async def test_a_waiter_that_leaves_disturbs_nobody(store: MoodyStore, tmp_path: Path) -> None:
    """A request that is cancelled while its mark is on its way does not stop the others."""
    store.go.clear()
    log = SegmentLog(store)
    leaving, staying = log.write(a_mark("leaving")), log.write(a_mark("staying"))
    await store.held.wait()
    leaving.cancel()
    store.go.set()
    await staying
    assert segments(tmp_path) == [["leaving", "staying"]]


async def test_close_waits_for_what_was_written(store: MoodyStore, tmp_path: Path) -> None:
    """A process that ends stores the marks that nobody waits for."""
    log = SegmentLog(store)
    log.write_later(a_mark("a", "close"))
    log.write_later(a_mark("b", "close"))
    await log.close()
    assert segments(tmp_path) == [["a", "b"]]
    await SegmentLog(store).close()


async def test_a_mark_that_nobody_waits_for_goes_with_the_next(store: MoodyStore, tmp_path: Path) -> None:
    """A close mark shares the segment of the open mark that follows it."""
    log = SegmentLog(store)
    log.write_later(a_mark("a", "close"))
    await log.write(a_mark("b"))
    assert segments(tmp_path) == [["a", "b"]]


async def test_a_mark_that_nobody_waits_for_is_stored_soon(store: MoodyStore, tmp_path: Path) -> None:
    """A close mark that nothing follows is stored by itself, a moment later."""
    log = SegmentLog(store)
    log.write_later(a_mark("a", "close"))
    await asyncio.wait_for(store.held.wait(), 5)
    await log.close()
    assert segments(tmp_path) == [["a"]]


async def test_each_process_has_a_chain_of_its_own(store: MoodyStore) -> None:
    """Two processes never write the same segment."""
    one, two = SegmentLog(store), SegmentLog(store)
    await asyncio.gather(one.write(a_mark("a")), two.write(a_mark("b")))
    assert len(set(store.created)) == 2


async def test_a_full_log_is_followed_by_another(
    store: MoodyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many segments a process goes on in a new log, whose first segment says which one it continues."""
    monkeypatch.setattr(module, "MOST_SEGMENTS", 2)
    log = SegmentLog(store)
    for number in range(5):
        await log.write(a_mark(str(number)))
    first, second, third = sorted((tmp_path / "segments").iterdir())
    ends = [sha256((each / "00000001.parquet").read_bytes()).hexdigest() for each in (first, second)]
    assert chain_of_logs(tmp_path) == [
        ("", 2),
        (f"{first.name}/2/{ends[0]}", 2),
        (f"{second.name}/2/{ends[1]}", 1),
    ]
    assert decode_segment((third / "00000000.parquet").read_bytes()).previous_sha256 == first_previous(third.name)


async def test_an_old_log_is_followed_by_another(store: MoodyStore, tmp_path: Path) -> None:
    """A log that is an hour old gets no more segments, so that everybody may take it for ended."""
    now = 0.0
    log = SegmentLog(store, clock=lambda: now)
    await log.write(a_mark("a"))
    now = LONGEST_LIFE
    await log.write(a_mark("b"))
    now = LONGEST_LIFE + 1
    await log.write(a_mark("c"))
    assert [count for _, count in chain_of_logs(tmp_path)] == [2, 1]


async def test_a_log_that_never_began_is_continued_by_none(store: MoodyStore, tmp_path: Path) -> None:
    """A process that waited for an hour before its first mark begins with a log that continues nothing."""
    now = 0.0
    log = SegmentLog(store, clock=lambda: now)
    now = LONGEST_LIFE + 1
    await log.write(a_mark("a"))
    assert chain_of_logs(tmp_path) == [("", 1)]


def test_a_segment_survives_the_round_trip() -> None:
    """Marks, links and all read back as they were."""
    segment = Segment(marks=[a_mark("a"), a_mark("b", "close")], previous_sha256="0" * 64, continues="log/1/0")
    assert decode_segment(encode_segment(segment)) == segment


@pytest.mark.parametrize(("column", "value"), [("kind", "close"), ("test_run_id", "b")])
def test_columns_must_say_what_the_marks_say(column: str, value: str) -> None:
    """A column that was edited beside an untouched mark is detected, since readers of the bare file trust it."""
    table = pq.read_table(pa.BufferReader(encode_segment(Segment(marks=[a_mark("a")], previous_sha256=""))))
    (row,) = table.to_pylist()
    schema = table.schema.remove_metadata()
    forged = encode_rows([{**row, column: value}], schema, {"previous_sha256": ""})
    with pytest.raises(TrailBroken, match="the columns of a segment do not say what its marks say"):
        decode_segment(forged)


@pytest.mark.parametrize("data", [b"", b"PAR1" * 10, encode_rows([], pa.schema([("body", pa.string())]))])
def test_other_files_are_no_segments(data: bytes) -> None:
    """A file that is no segment is a broken one."""
    with pytest.raises(TrailBroken, match="not a readable segment"):
        decode_segment(data)
