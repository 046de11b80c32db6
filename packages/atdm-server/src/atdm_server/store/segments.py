"""The process log: one chain of segments for each server process, with group commit.

One PUT is in flight at a time; the marks that arrive meanwhile form the next segment together. Nobody who waits for a
mark waits for company, so a lonely request pays one PUT, and a hundred at once pay two. Marks that nobody waits for go
with the next that somebody does, or a moment later by themselves.

After a while a process goes on in a new log, so that the old one ends and need not be read again for ever.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
import pyarrow as pa

from atdm_core.audit import Mark
from atdm_core.errors import StoreUnavailable, TrailBroken
from atdm_core.ids import new_id
from atdm_core.parquet import UNREADABLE, Signer, decode_rows, encode_rows, read_metadata
from atdm_server.store.objects import ObjectStore

__all__ = [
    "LONGEST_LIFE",
    "MOST_SEGMENTS",
    "Segment",
    "SegmentLog",
    "decode_segment",
    "encode_segment",
    "first_previous",
    "segment_key",
]

MOST_SEGMENTS: Final = 1000
LONGEST_LIFE: Final = 3600.0  # seconds; no segment is begun in a log that is older
COMPANY: Final = 0.2  # seconds that a mark which nobody waits for is held back

_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("test_run_id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("body", pa.string()),
    ]
)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says: its marks, the SHA-256 (hex) of the one before, and in the first one the log it continues.

    `continues` is `<log>/<segments>/<SHA-256 of the last>`: the log that the same process wrote before.
    """

    marks: Sequence[Mark]
    previous_sha256: str
    continues: str = ""


def segment_key(log_id: str, number: int) -> str:
    """The key of a segment."""
    return f"segments/{log_id}/{number:08}.parquet"


def first_previous(log_id: str) -> str:
    """What the first segment of a log has in the place of a hash, so that no log can pass as another."""
    return sha256(b"atdm segments 1:" + log_id.encode()).hexdigest()


def encode_segment(segment: Segment, signer: Signer | None = None) -> bytes:
    """One Parquet file of the marks. `body` is the mark; the other columns repeat it for queries."""
    metadata = {"previous_sha256": segment.previous_sha256}
    if segment.continues:
        metadata["continues"] = segment.continues
    return encode_rows([_row(mark) for mark in segment.marks], _SCHEMA, metadata, signer)


def decode_segment(data: bytes) -> Segment:
    """The segment that a file holds; `TrailBroken` when it holds none, or was changed. The chain is not checked."""
    try:
        rows = decode_rows(data)
        marks = [msgspec.json.decode(row["body"], type=Mark) for row in rows]
        told = [_row(mark) for mark in marks]
        metadata = read_metadata(data)
        segment = Segment(
            marks=marks, previous_sha256=metadata["previous_sha256"], continues=metadata.get("continues", "")
        )
    except (*UNREADABLE, ValueError, KeyError, TypeError) as error:
        raise TrailBroken(f"not a readable segment: {error}") from error
    if [{**row, "body": ""} for row in told] != [{**row, "body": ""} for row in rows]:
        raise TrailBroken("the columns of a segment do not say what its marks say")
    return segment


def _row(mark: Mark) -> dict[str, Any]:
    return {
        "kind": mark.kind,
        "test_run_id": mark.run_id,
        "at": mark.at,
        "body": msgspec.json.encode(mark).decode(),
    }


class SegmentLog:
    """The segments of this process: `segments/<log>/<n>.parquet`, each with the SHA-256 of the one before."""

    def __init__(
        self,
        store: ObjectStore,
        signer: Signer | None = None,
        clock: Callable[[], float] = time.monotonic,
        wrote: Callable[[str, Sequence[Mark]], None] = lambda _key, _marks: None,
    ) -> None:
        """`clock` gives seconds, and never goes back. `wrote` is told the key and the marks of each segment stored."""
        self._store = store
        self._signer = signer
        self._clock = clock
        self._wrote = wrote
        self._continues = ""
        self._begin_log()
        self._waiting: list[tuple[Mark, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._held: asyncio.TimerHandle | None = None

    def write(self, mark: Mark) -> asyncio.Future[None]:
        """Put a mark into the next segment; the future ends when that is stored."""
        stored = self._wait(mark)
        self._begin_writing()
        return stored

    def write_later(self, mark: Mark) -> None:
        """Put a mark into the next segment, or into one of its own a moment later. Its failure is told to nobody.

        A close mark that is lost does no harm: the next reader takes the run for open, and looks.
        """
        self._wait(mark)
        if self._held is None:
            self._held = asyncio.get_running_loop().call_later(COMPANY, self._begin_writing)

    async def close(self) -> None:
        """Return when all marks are stored, or cannot be."""
        self._begin_writing()
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def _wait(self, mark: Mark) -> asyncio.Future[None]:
        stored = asyncio.get_running_loop().create_future()
        stored.add_done_callback(_retrieved)
        self._waiting.append((mark, stored))
        return stored

    def _begin_writing(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None
        if self._waiting and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write_all())

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
            if self._number >= MOST_SEGMENTS or self._clock() - self._begun > LONGEST_LIFE:
                if self._number:
                    self._continues = f"{self._log_id}/{self._number}/{self._previous}"
                self._begin_log()
            key = segment_key(self._log_id, self._number)
            segment = Segment(
                marks=marks,
                previous_sha256=self._previous,
                continues=self._continues if self._number == 0 else "",
            )
            data = encode_segment(segment, self._signer)
            written = await self._store.create(key, data)
            # Nobody else writes here: a segment that exists is ours, its answer was lost, and the chain goes on.
            stored = data if written else await self._store.get(key)
            if stored is None:
                raise StoreUnavailable(f"the object store says that {key} exists, and does not have it")
            self._number += 1
            self._previous = sha256(stored).hexdigest()
            if written:
                self._wrote(key, marks)

    def _begin_log(self) -> None:
        self._log_id = new_id()
        self._number = 0
        self._previous = first_previous(self._log_id)
        self._begun = self._clock()


def _retrieved(stored: "asyncio.Future[None]") -> None:
    """Not everybody waits to the end; what nobody asks for is no unhandled error."""
    if not stored.cancelled():
        stored.exception()
