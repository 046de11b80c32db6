"""The process log: group commit, and one chain of segments."""

import asyncio
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atdm_core.audit import Mark
from atdm_core.errors import StoreUnavailable
from atdm_server.store.segments import SegmentLog
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
        table = pq.read_table(pa.BufferReader(data))
        assert table.schema.metadata is not None
        told = table.schema.metadata[b"previous_sha256"].decode()
        assert told == (previous or sha256(b"atdm segments 1:" + process.encode()).hexdigest())
        previous = sha256(data).hexdigest()
        rows = table.to_pylist()
        marks = [msgspec.json.decode(row["body"], type=Mark) for row in rows]
        assert [(m.kind, m.run_id, m.at) for m in marks] == [(r["kind"], r["test_run_id"], r["at"]) for r in rows]
        found.append([mark.run_id for mark in marks])
    return found


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
    log.write(a_mark("a", "close"))
    log.write(a_mark("b", "close"))
    await log.close()
    assert segments(tmp_path) == [["a", "b"]]
    await SegmentLog(store).close()


async def test_each_process_has_a_chain_of_its_own(store: MoodyStore) -> None:
    """Two processes never write the same segment."""
    one, two = SegmentLog(store), SegmentLog(store)
    await asyncio.gather(one.write(a_mark("a")), two.write(a_mark("b")))
    assert len(set(store.created)) == 2
