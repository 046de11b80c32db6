"""The wire format of whole databases and large runs: frames of a JSON header and a payload.

The target contract describes it (docs/reference/target-contract.md).

4 bytes   length of the header, big-endian
header    {"kind": "start" | "table" | "batch" | "end" | "done", …}
8 bytes   length of the payload, big-endian
payload   of a batch: one Arrow IPC stream with one record batch; empty otherwise
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa

from atdm_core.protocols import Export

__all__ = ["LARGEST_HEADER", "LARGEST_PAYLOAD", "BrokenFrames", "read_export", "write_frames", "write_run"]

LARGEST_HEADER: Final = 1 << 20  # bytes
LARGEST_PAYLOAD: Final = 1 << 30
_PIECE: Final = 1 << 18  # bytes of a payload that are handed on at once


class BrokenFrames(Exception):
    """The stream is not what it claims to be, or ends too early."""


class _Start(msgspec.Struct, frozen=True):
    kind: str
    schema_version: str
    captured_at: datetime
    tables: tuple[str, ...]


class _Bytes:
    """An asynchronous stream of chunks, read in exact amounts. Each byte is copied once: to where it stays."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    async def take(self, count: int) -> bytearray:
        taken, filled = bytearray(count), 0
        while filled < count:
            if not self._held:
                self._held = memoryview(await self._next_chunk())
            piece = self._held[: count - filled]
            taken[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._held = self._held[len(piece) :]
        return taken

    async def _next_chunk(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise BrokenFrames("the stream of tables ended in the middle") from None

    async def take_sized(self, width: int, largest: int) -> bytearray:
        size = int.from_bytes(await self.take(width), "big")
        if size > largest:
            raise BrokenFrames(f"a frame claims {size} bytes, where {largest} is the most")
        return await self.take(size)


async def read_export(chunks: AsyncIterator[bytes]) -> Export:
    """The export that a stream of chunks carries; its batches are read as they come. `BrokenFrames`, then too."""
    stream = _Bytes(chunks)
    header, _ = await _read_frame(stream)
    try:
        start = msgspec.convert(header, _Start)
    except msgspec.ValidationError as error:
        raise BrokenFrames(f"the stream of tables does not begin with its start: {error}") from error
    return Export(
        schema_version=start.schema_version,
        captured_at=start.captured_at,
        tables=start.tables,
        batches=_read_batches(stream, start.tables),
    )


async def write_frames(export: Export) -> AsyncIterator[bytes]:
    """The chunks that carry an export."""
    yield _frame("start", schema_version=export.schema_version, captured_at=export.captured_at, tables=export.tables)
    counts = dict.fromkeys(export.tables, 0)
    current: str | None = None
    async for table, batch in export.batches:
        if table != current:
            if current is not None:
                yield _frame("end", table=current, rows=counts[current])
            yield _frame("table", table=table)
            current = table
        counts[table] += batch.num_rows
        for piece in _batch(table, batch):
            yield piece
    if current is not None:
        yield _frame("end", table=current, rows=counts[current])
    yield _frame("done", row_counts=counts)


async def write_run(groups: AsyncIterator[Iterable[tuple[str, pa.RecordBatch]]]) -> AsyncIterator[bytes]:
    """The chunks that carry the rows of a run; each frame tells its group."""
    counts: dict[str, int] = {}
    number = 0
    async for group in groups:
        for table, batch in group:
            counts[table] = counts.get(table, 0) + batch.num_rows
            for piece in _batch(table, batch, group=number):
                yield piece
        number += 1
    yield _frame("done", row_counts=counts)


async def _read_batches(stream: _Bytes, tables: tuple[str, ...]) -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    counts = dict.fromkeys(tables, 0)
    while True:
        header, payload = await _read_frame(stream)
        match header:
            case {"kind": "batch", "table": str(table), "rows": int(rows)} if table in counts:
                batch = _decode(payload)
                if batch.num_rows != rows:
                    raise BrokenFrames(f"a batch of {table} has {batch.num_rows} rows, its header says {rows}")
                counts[table] += rows
                yield table, batch
            case {"kind": "table"}:
                pass
            case {"kind": "end", "table": str(table), "rows": int(rows)} if counts.get(table) == rows:
                pass
            case {"kind": "done"} if header.get("row_counts") == counts:
                return
            case _:
                raise BrokenFrames(f"unexpected frame: {header}")


async def _read_frame(stream: _Bytes) -> tuple[dict[str, Any], bytearray]:
    try:
        header = msgspec.json.decode(await stream.take_sized(4, LARGEST_HEADER), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise BrokenFrames(f"a frame's header is not JSON: {error}") from error
    return header, await stream.take_sized(8, LARGEST_PAYLOAD)


def _batch(table: str, batch: pa.RecordBatch, **more: int) -> Iterator[bytes]:
    payload = memoryview(_encode(batch))
    yield _frame("batch", len(payload), table=table, rows=batch.num_rows, **more)
    for start in range(0, len(payload), _PIECE):
        yield payload[start : start + _PIECE].tobytes()


def _frame(kind: str, payload_size: int = 0, **header: object) -> bytes:
    """A frame up to its payload."""
    head = msgspec.json.encode({"kind": kind, **header})
    return len(head).to_bytes(4, "big") + head + payload_size.to_bytes(8, "big")


def _encode(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _decode(payload: bytearray) -> pa.RecordBatch:
    try:
        (batch,) = pa.ipc.open_stream(pa.py_buffer(payload))
    except (pa.ArrowException, ValueError) as error:
        raise BrokenFrames(f"a batch is no Arrow stream of one record batch: {error}") from error
    return batch
