"""Entries as plain Parquet: any reader (DuckDB, pandas) sees the events, and the exact bytes for the chain."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atdm_core.audit.trail import Entry
from atdm_core.errors import TrailBroken

__all__ = ["decode_entries", "encode_entries"]

_SCHEMA = pa.schema(
    [
        ("test_run_id", pa.string()),
        ("seq", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("action", pa.string()),
        ("status", pa.string()),
        ("invoker", pa.string()),
        ("body", pa.string()),
        ("previous", pa.binary(32)),
        ("hash", pa.binary(32)),
    ]
)


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """One Parquet file of the entries. `body` is what the hash covers; the other text columns repeat it for queries."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        event = entry.event
        rows.append(
            {
                "test_run_id": event.test_run_id,
                "seq": entry.seq,
                "timestamp": event.timestamp,
                "action": event.action,
                "status": event.status,
                "invoker": event.invoker,
                "body": entry.body.decode(),
                "previous": entry.previous,
                "hash": entry.hash,
            }
        )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def decode_entries(data: bytes) -> tuple[Entry, ...]:
    """The entries of one Parquet file; `TrailBroken` when it is not one. The chain itself is not checked here."""
    try:
        table = pq.read_table(pa.BufferReader(data), columns=["seq", "body", "previous", "hash"])
    except (pa.ArrowException, OSError) as error:
        raise TrailBroken(f"not a readable trail: {error}") from error
    return tuple(Entry(row["seq"], row["body"].encode(), row["previous"], row["hash"]) for row in table.to_pylist())
