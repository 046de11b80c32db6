"""Whole databases as a stream of frames: what goes in comes out, and a stream that is cut or changed is refused."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from atdm_core.protocols import Export
from atdm_server.table_frames import BrokenFrames, read_export, write_frames

MOMENT = datetime(2026, 7, 4, 12, 0, tzinfo=UTC)
BATCHES = [
    ("plan", pa.RecordBatch.from_pylist([{"plan_id": "a", "name": None}, {"plan_id": "b", "name": "x"}])),
    ("member", pa.RecordBatch.from_pylist([{"member_id": 1}])),
    ("member", pa.RecordBatch.from_pylist([{"member_id": 2}])),
]


async def batches() -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    """The batches of an export."""
    for batch in BATCHES:
        yield batch


async def stream() -> bytes:
    """An export as it goes over the wire."""
    export = Export(schema_version="1", captured_at=MOMENT, tables=("plan", "member", "claim"), batches=batches())
    return b"".join([chunk async for chunk in write_frames(export)])


async def in_chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    """The bytes, cut into chunks of `size`."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
async def test_export_survives_the_wire(size: int) -> None:
    """Whatever chunks it arrives in, an export comes out as it went in, empty tables included."""
    export = await read_export(in_chunks(await stream(), size))
    assert (export.schema_version, export.captured_at) == ("1", MOMENT)
    assert export.tables == ("plan", "member", "claim")
    assert [(table, batch.to_pylist()) async for table, batch in export.batches] == [
        (table, batch.to_pylist()) for table, batch in BATCHES
    ]


async def read_whole(data: bytes) -> None:
    """Read a stream to its end."""
    export = await read_export(in_chunks(data, 1 << 20))
    async for _ in export.batches:
        pass


async def test_stream_that_is_cut_is_refused() -> None:
    """A stream that ends anywhere before its last frame is broken."""
    whole = await stream()
    for length in [*range(0, len(whole) - 1, 97), len(whole) - 1]:
        with pytest.raises(BrokenFrames):
            await read_whole(whole[:length])


async def test_counts_must_be_right() -> None:
    """A stream whose rows are not as many as its frames say is broken."""
    whole = (await stream()).replace(b'"row_counts":{"plan":2', b'"row_counts":{"plan":3')
    with pytest.raises(BrokenFrames, match="unexpected frame"):
        await read_whole(whole)


async def test_absurd_sizes_are_refused() -> None:
    """A frame that claims to be huge is refused before anything is read."""
    with pytest.raises(BrokenFrames, match="claims"):
        await read_export(in_chunks(b"\xff\xff\xff\xff", 4))
