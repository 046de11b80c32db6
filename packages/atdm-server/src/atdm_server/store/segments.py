"""The process log: one chain of segments for each server process, with group commit.

One PUT is in flight at a time; the marks that arrive meanwhile form the next segment together. No timer waits for
company, so a lonely request pays one PUT, and a hundred at once pay two.
"""

import asyncio
from hashlib import sha256

import msgspec
import pyarrow as pa

from atdm_core.audit import Mark
from atdm_core.errors import StoreUnavailable
from atdm_core.ids import new_id
from atdm_core.parquet import encode_rows
from atdm_server.store.objects import ObjectStore

__all__ = ["SegmentLog"]

_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("test_run_id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("body", pa.string()),
    ]
)


class SegmentLog:
    """The segments of this process: `segments/<process>/<n>.parquet`, each with the SHA-256 of the one before."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._process = new_id()
        self._number = 0
        self._previous = sha256(b"atdm segments 1:" + self._process.encode()).digest()
        self._waiting: list[tuple[Mark, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    def write(self, mark: Mark) -> asyncio.Future[None]:
        """Put a mark into the next segment; the future ends when that is stored."""
        stored = asyncio.get_running_loop().create_future()
        stored.add_done_callback(_retrieved)
        self._waiting.append((mark, stored))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return stored

    async def close(self) -> None:
        """Return when all marks are stored, or cannot be."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._write_segment([mark for mark, _ in batch])
            except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
                for _, stored in batch:
                    if not stored.done():
                        stored.set_exception(error)
            else:
                for _, stored in batch:
                    if not stored.done():
                        stored.set_result(None)

    async def _write_segment(self, marks: list[Mark]) -> None:
        written = False
        while not written:
            key = f"segments/{self._process}/{self._number:08}.parquet"
            data = _encode(marks, self._previous)
            written = await self._store.create(key, data)
            # Nobody else writes here: a segment that exists is ours, its answer was lost, and the chain goes on.
            stored = data if written else await self._store.get(key)
            if stored is None:
                raise StoreUnavailable(f"the object store says that {key} exists, and does not have it")
            self._number += 1
            self._previous = sha256(stored).digest()


def _encode(marks: list[Mark], previous: bytes) -> bytes:
    rows = [
        {
            "kind": mark.kind,
            "test_run_id": mark.run_id,
            "at": mark.at,
            "body": msgspec.json.encode(mark).decode(),
        }
        for mark in marks
    ]
    schema = _SCHEMA.with_metadata({"previous_sha256": previous.hex()})
    return encode_rows(rows, schema)


def _retrieved(stored: "asyncio.Future[None]") -> None:
    """Close marks are not waited for; their failure is no news, as the next reader takes the run for open."""
    if not stored.cancelled():
        stored.exception()
