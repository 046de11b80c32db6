"""An object store in memory: a bucket that can lose its power, and the way of one server to it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from atdm_core.errors import StoreUnavailable
from tests.faults.simulation.virtual_loop import Process, VirtualLoop
from tests.faults.simulation.weather import Link, Weather

__all__ = ["BareStore", "Bucket", "BucketStore"]


_T = TypeVar("_T")


class Bucket:
    """Objects by key. What is accepted is synced at once."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        self.name = name
        self.loop = loop
        self.objects: dict[str, bytes] = {}

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one of this key; whether there was none."""
        if key in self.objects:
            return False
        self.put(key, data)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Store an object in the place of any that has this key."""
        self.objects[key] = data

    def lose_power(self) -> None:
        """Lose what is not synced, which is nothing."""


class BucketStore:
    """See `ObjectStore`. A create whose answer was lost is sent again, as clients of S3 do."""

    ATTEMPTS = 2

    def __init__(self, bucket: Bucket, process: Process, link: Link, weather: Weather) -> None:
        self._bucket = bucket
        self._process = process
        self._link = link
        self._weather = weather

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return f"memory://{self._bucket.name}"

    async def create(self, key: str, data: bytes) -> bool:
        """See `ObjectStore.create`."""
        return await self.put_if_absent(key, data) or await self.get(key) == data

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        """What the store says to a conditional PUT: false also to a second attempt at one's own."""
        for left in reversed(range(self.ATTEMPTS)):
            try:
                return await self._carry(f"create {key}", lambda: self._bucket.put_if_absent(key, data), writes=True)
            except StoreUnavailable:
                if not left:
                    raise
        raise AssertionError

    async def replace(self, key: str, data: bytes) -> None:
        """See `ObjectStore.replace`."""
        await self._carry(f"replace {key}", lambda: self._bucket.put(key, data), writes=True)

    async def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`."""
        return await self._carry(f"get {key}", lambda: self._bucket.objects.get(key))

    async def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        """See `ObjectStore.keys`."""
        return await self._carry(f"keys {prefix}", lambda: self._keys(prefix, after)[:limit])

    async def folders(self, prefix: str) -> list[str]:
        """See `ObjectStore.folders`."""
        return await self._carry(f"folders {prefix}", lambda: self._folders(prefix))

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await self.get("check")

    async def create_from_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.create_from_file`; large objects are not simulated."""
        raise NotImplementedError(key, path)

    async def fetch_to_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.fetch_to_file`; large objects are not simulated."""
        raise NotImplementedError(key, path)

    def _keys(self, prefix: str, after: str) -> list[str]:
        return sorted(key for key in self._bucket.objects if key.startswith(prefix) and key > after)

    def _folders(self, prefix: str) -> list[str]:
        below = (key.removeprefix(prefix) for key in self._bucket.objects if key.startswith(prefix))
        return sorted({rest.partition("/")[0] for rest in below if "/" in rest})

    async def _carry(self, call: str, work: Callable[[], _T], *, writes: bool = False) -> _T:
        return await self._weather.carry(self._process, self._link, call, work, writes=writes)


class BareStore(BucketStore):
    """The objects of a bucket as they are, for whoever looks at them afterwards."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def _carry(self, call: str, work: Callable[[], _T], *, writes: bool = False) -> _T:
        return work()
