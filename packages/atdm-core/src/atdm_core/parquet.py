"""Rows of small records as Parquet bytes, and back.

Plain encoding throughout: for a few short rows, dictionaries, statistics and compression cost three times what the
rest does, and save nothing.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["UNREADABLE", "decode_rows", "encode_rows"]

UNREADABLE = (pa.ArrowException, OSError)
"""What `decode_rows` raises when the bytes are no Parquet file."""


def encode_rows(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """One Parquet file of the rows."""
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    return sink.getvalue().to_pybytes()


def decode_rows(data: bytes) -> list[dict[str, Any]]:
    """The rows of one Parquet file; `UNREADABLE` when it is none."""
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False).to_pylist()
