"""What both kinds of stores list, on a real disk and over S3's HTTP."""

from pathlib import Path

import pytest

from atdm_core.ids import new_id
from atdm_server.store import DiskStore, ObjectStore, RemoteStore
from tests.s3 import S3

KEYS = ["a.txt", "a/1/x", "a/1/y", "a/2/x", "a/b/c/d", "a/b.c/d", "ab/1", "b", "retired/x.json"]


@pytest.fixture(params=["disk", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """A store with these objects, in a place of its own."""
    if request.param == "disk":
        store: ObjectStore = DiskStore(tmp_path)
    else:
        s3: S3 = request.getfixturevalue("s3")
        with s3.in_environment():
            store = RemoteStore(f"s3://atdm-audit/{new_id()}")
    for key in reversed(KEYS):
        assert await store.create(key, b"x")
    return store


async def test_keys_come_sorted(store: ObjectStore) -> None:
    """All keys come in their order, which is that of their characters."""
    assert await store.keys("") == sorted(KEYS)


async def test_keys_of_a_folder(store: ObjectStore) -> None:
    """A folder has the keys below it, at any depth, and not those of a folder whose name begins alike."""
    assert await store.keys("a/") == [key for key in sorted(KEYS) if key.startswith("a/")]
    assert await store.keys("a/1/") == ["a/1/x", "a/1/y"]
    assert await store.keys("nothing/") == []


async def test_a_listing_can_go_on(store: ObjectStore) -> None:
    """Page by page, each after the last key of the one before, a listing has every key once."""
    for size in (1, 2, 3, 100):
        found: list[str] = []
        while page := await store.keys("", found[-1] if found else "", size):
            assert len(page) <= size
            found += page
        assert found == sorted(KEYS)


async def test_a_listing_begins_after_a_key_that_need_not_exist(store: ObjectStore) -> None:
    """What comes after a key is listed whether or not there is such a key."""
    assert await store.keys("a/", after="a/1/xx") == ["a/1/y", "a/2/x", "a/b.c/d", "a/b/c/d"]
    assert await store.keys("a/", after="a/z") == []


async def test_folders_are_told_by_name(store: ObjectStore) -> None:
    """The folders in a folder are listed without what is in them."""
    assert await store.folders("a/") == ["1", "2", "b", "b.c"] or await store.folders("a/") == ["1", "2", "b.c", "b"]
    assert sorted(await store.folders("")) == ["a", "ab", "retired"]
    assert await store.folders("nothing/") == []
