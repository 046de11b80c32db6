"""Object stores for tests."""

import asyncio
from pathlib import Path

from atdm_core.audit import Mark, utc_now
from atdm_core.errors import StoreUnavailable
from atdm_server.store import DiskStore


def objects_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by key."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def a_mark(run_id: str, kind: str = "open") -> Mark:
    """A mark of the process log."""
    return Mark(kind="open" if kind == "open" else "close", run_id=run_id, at=utc_now(), invoker="human:ann")


class MoodyStore(DiskStore):
    """A store on disk that can be held up, fails once with `failing`, and loses an answer when it is `losing`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.created: list[str] = []
        self.failing: Exception | None = None
        self.losing = False
        self.held = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def create(self, key: str, data: bytes) -> bool:
        """See `ObjectStore.create`."""
        self.created.append(key)
        self.held.set()
        await self.go.wait()
        error, self.failing = self.failing, None
        if error:
            raise error
        created = await super().create(key, data)
        if self.losing:
            self.losing = False
            raise StoreUnavailable("the answer was lost")
        return created
