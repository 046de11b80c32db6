"""The wire format of a whole database: frames that each stand alone, so a cut-off stream is found out.

A frame is the length of its header (4 bytes, big-endian), the header (JSON), the length of its payload (8 bytes,
big-endian) and the payload. Only batches have one: a complete Arrow IPC stream of one record batch.
"""

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Final, TypeAlias

import msgspec
import pyarrow as pa
from pyarrow import ipc

from target_healthcare.errors import InvalidRequest, SchemaDrift
from target_healthcare.schema import Schema

MEDIA_TYPE: Final = "application/vnd.atdm.tables"

_LARGEST_HEADER: Final = 1 << 20
_LARGEST_PAYLOAD: Final = 1 << 30

RowCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Start(msgspec.Struct, frozen=True, tag_field="kind", tag="start"):
    """The first frame: what was read, when, and the tables in insert order."""

    schema_version: str
    captured_at: datetime
    tables: tuple[str, ...]


class TableStart(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """The batches of a table follow."""

    table: str


class Batch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    """Rows of a table; the payload holds them. In a run they may be of a group of rows that refer to one another."""

    table: str
    rows: RowCount
    group: int = 0


class TableEnd(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """The table had this many rows."""

    table: str
    rows: RowCount


class Done(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """The last frame; a stream without it is broken."""

    row_counts: dict[str, RowCount]


Header: TypeAlias = Start | TableStart | Batch | TableEnd | Done

_headers: Final = msgspec.json.Decoder(Header)


def write_frame(header: Header, payload: bytes | memoryview = b"") -> bytes:
    """One frame."""
    head = msgspec.json.encode(header)
    return b"".join((len(head).to_bytes(4, "big"), head, len(payload).to_bytes(8, "big"), payload))


def write_batch(table: str, batch: pa.RecordBatch) -> bytes:
    """The frame of one record batch."""
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return write_frame(Batch(table, batch.num_rows), memoryview(sink.getvalue()))


def read_batches(chunks: Iterable[bytes], schema: Schema) -> Generator[tuple[str, pa.RecordBatch]]:
    """Read the start of a stream at once, and then its batches, table by table, as they are asked for.

    They end only where the stream says that it is done. Raises `SchemaDrift` when it was taken of another schema,
    and `InvalidRequest` where it is broken: cut off, out of order, miscounted, or with a batch that Arrow cannot
    read. A table without frames has no rows.
    """
    stream = _Stream(iter(chunks))
    return _read_tables(stream, _read_start(stream, schema))


def read_run(chunks: Iterable[bytes]) -> Generator[tuple[int, str, pa.RecordBatch]]:
    """The batches of one run's rows as they come, each with its group and table, in any order and as often as wanted.

    Raises `InvalidRequest` where the stream is broken.
    """
    stream, counts = _Stream(iter(chunks)), dict[str, int]()
    while True:
        header, payload = stream.read_frame()
        match header:
            case Batch(table, rows, group):
                counts[table] = counts.get(table, 0) + rows
                yield group, table, _read_batch(payload, table, rows)
            case Done(row_counts) if row_counts == counts and stream.is_at_end():
                return
            case _:
                raise _broken(f"{header} is not what can follow here")


def _read_tables(stream: "_Stream", counts: dict[str, int]) -> Generator[tuple[str, pa.RecordBatch]]:
    current: str | None = None
    finished: set[str] = set()
    while True:
        header, payload = stream.read_frame()
        match header:
            case TableStart(table) if current is None and table in counts.keys() - finished:
                current = table
            case Batch(table, rows) if table == current:
                counts[table] += rows
                yield table, _read_batch(payload, table, rows)
            case TableEnd(table, rows) if table == current and rows == counts[table]:
                finished.add(table)
                current = None
            case Done(row_counts) if current is None and row_counts == counts and stream.is_at_end():
                return
            case _:
                raise _broken(f"{header} is not what can follow here")


def _read_start(stream: "_Stream", schema: Schema) -> dict[str, int]:
    header, _ = stream.read_frame()
    if not isinstance(header, Start):
        raise _broken("it does not begin with 'start'")
    require_version(schema, header.schema_version)
    if set(header.tables) != set(schema.by_name):
        raise _broken("its tables are not those of the schema")
    return dict.fromkeys(schema.by_name, 0)


def require_version(schema: Schema, version: str) -> None:
    """Raise `SchemaDrift` unless this is the schema's version."""
    if version != schema.schema_version:
        raise SchemaDrift(
            "the tables were taken of another schema; take them anew from this one",
            given=version,
            expected=schema.schema_version,
        )


def _read_batch(payload: bytearray, table: str, rows: int) -> pa.RecordBatch:
    try:
        (batch,) = ipc.open_stream(pa.py_buffer(payload))
        batch.validate(full=True)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise _broken(f"a batch of '{table}' is no Arrow stream of one record batch ({error})") from error
    if batch.num_rows != rows:
        raise _broken(f"a batch of '{table}' has {batch.num_rows} rows, its header says {rows}")
    return batch


class _Stream:
    """Chunks of any size, read in exact amounts. Each byte is copied once: to where it stays."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def read_frame(self) -> tuple[Header, bytearray]:
        try:
            header = _headers.decode(self._read_sized(4, _LARGEST_HEADER))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _broken(f"a frame has no header that can be read ({error})") from error
        return header, self._read_sized(8, _LARGEST_PAYLOAD)

    def is_at_end(self) -> bool:
        return not self._held and next(self._chunks, None) is None

    def _read_sized(self, width: int, largest: int) -> bytearray:
        size = int.from_bytes(self._read(width), "big")
        if size > largest:
            raise _broken(f"a frame claims {size} bytes where {largest} is the most")
        return self._read(size)

    def _read(self, size: int) -> bytearray:
        taken, filled = bytearray(size), 0
        while filled < size:
            if not self._held:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise _broken("it ends in the middle")
                self._held = memoryview(chunk)
            piece = self._held[: size - filled]
            taken[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._held = self._held[len(piece) :]
        return taken


def _broken(reason: str) -> InvalidRequest:
    return InvalidRequest(f"the stream of tables is broken: {reason}; send all of it again")
