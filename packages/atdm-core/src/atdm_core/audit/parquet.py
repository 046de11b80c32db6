"""Entries as plain Parquet: any reader (DuckDB, pandas) sees the events, and the exact bytes for the chain."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from atdm_core.audit.trail import Entry
from atdm_core.errors import TrailBroken
from atdm_core.parquet import UNREADABLE, decode_rows, encode_rows

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
    return encode_rows([_row(entry) for entry in entries], _SCHEMA)


def decode_entries(data: bytes) -> tuple[Entry, ...]:
    """The entries of one Parquet file. The chain itself is not checked here.

    `TrailBroken` when it is no such file, or when a column that repeats a part of the body says something else.
    """
    try:
        rows = decode_rows(data)
        entries = tuple(Entry(row["seq"], row["body"].encode(), row["previous"], row["hash"]) for row in rows)
        told = [_row(entry) for entry in entries]
    except (*UNREADABLE, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise TrailBroken(f"not a readable trail: {error}") from error
    if told != rows:
        raise TrailBroken("the columns of a trail do not say what its events say")
    return entries


def _row(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
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
