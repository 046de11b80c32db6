"""Objects as files."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from atdm_core.errors import StoreUnavailable
from atdm_server.store import DiskStore
from tests.unit.atdm_server.store.stores import objects_of


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    """A store in a folder that does not exist yet."""
    return DiskStore(tmp_path / "not" / "yet")


async def test_an_object_is_created_once(store: DiskStore) -> None:
    """The first write of a key wins; the same bytes again are as good, others are refused and change nothing."""
    assert await store.create("runs/a.parquet", b"one")
    assert await store.create("runs/a.parquet", b"one")
    assert not await store.create("runs/a.parquet", b"two")
    assert await store.get("runs/a.parquet") == b"one"


async def test_an_object_can_be_replaced(store: DiskStore) -> None:
    """A view is written over, or written anew."""
    await store.replace("runs/a", b"one")
    await store.replace("runs/a", b"two")
    assert await store.get("runs/a") == b"two"


async def test_what_is_not_there(store: DiskStore) -> None:
    """A key without an object has none, also below a key that is one, and a folder that is not there has no keys."""
    assert await store.get("runs/a") is None
    assert await store.keys("runs/") == []
    await store.create("runs/a", b"one")
    assert await store.get("runs/a/b") is None
    assert await store.get("other") is None


async def test_keys_are_sorted_and_of_their_folder_only(store: DiskStore) -> None:
    """The keys of a folder come sorted, with those of its sub-folders and of no other."""
    for key in ("runs/c", "runs/a", "parts/x/1", "runs/b/2", "runs2/z"):
        await store.create(key, b"")
    assert await store.keys("runs/") == ["runs/a", "runs/b/2", "runs/c"]
    assert await store.keys("parts/x/") == ["parts/x/1"]


def test_one_of_many_writers_wins(store: DiskStore) -> None:
    """Of sixteen threads that create one key at once exactly one wins, and what is stored is whole and its own."""
    start = Barrier(16)
    contents = [bytes([65 + i]) * 100_000 for i in range(16)]

    def write(content: bytes) -> bool:
        start.wait(timeout=10)
        return asyncio.run(store.create("idempotency/key", content))

    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(write, contents))
    assert won.count(True) == 1
    assert asyncio.run(store.get("idempotency/key")) == contents[won.index(True)]


async def test_many_folders_at_once(store: DiskStore) -> None:
    """Writers who make the same folders at the same time do not disturb each other."""
    await asyncio.gather(*(store.create(f"deep/er/{i % 2}/{i}", b"x") for i in range(20)))
    assert len(await store.keys("deep/")) == 20


async def test_nothing_unfinished_is_left(store: DiskStore, tmp_path: Path) -> None:
    """After any write, won or lost, only the objects are there."""
    await store.create("runs/a", b"one")
    await store.create("runs/a", b"two")
    await store.replace("runs/a", b"three")
    assert objects_of(tmp_path / "not" / "yet") == {"runs/a": b"three"}


async def test_leftovers_of_a_crash_are_ignored(store: DiskStore, tmp_path: Path) -> None:
    """What a writer left unfinished when it died is no object, and is in nobody's way."""
    unfinished = tmp_path / "not" / "yet" / ".unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "0123").write_bytes(b"half of an obj")
    await store.create("runs/a", b"one")
    assert await store.keys("runs/") == ["runs/a"]


def reading(store: DiskStore) -> Awaitable[object]:
    """Read an object."""
    return store.get("runs/folder")


def creating(store: DiskStore) -> Awaitable[object]:
    """Create an object."""
    return store.create("runs/a", b"")


def replacing(store: DiskStore) -> Awaitable[object]:
    """Replace an object."""
    return store.replace("runs/a", b"")


def checking(store: DiskStore) -> Awaitable[object]:
    """Ask whether the store answers."""
    return store.check()


@pytest.mark.parametrize("call", [creating, replacing, checking])
async def test_folder_that_cannot_be_used(tmp_path: Path, call: Callable[[DiskStore], Awaitable[object]]) -> None:
    """A folder that cannot be made is an unavailable store, in one sentence that names it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match=r"the object store at file://.*/file/store cannot be used: "):
        await call(DiskStore(tmp_path / "file" / "store"))


async def test_object_that_cannot_be_read(store: DiskStore) -> None:
    """A key that is a folder is an unavailable store, not a missing object."""
    await store.create("runs/folder/x", b"")
    with pytest.raises(StoreUnavailable):
        await reading(store)


async def test_check_makes_the_folder(store: DiskStore) -> None:
    """A store that answers can be asked again."""
    await store.check()
    await store.check()


def test_url_names_the_folder(store: DiskStore, tmp_path: Path) -> None:
    """The address of a store is that of its folder."""
    assert store.url == f"file://{tmp_path}/not/yet"
