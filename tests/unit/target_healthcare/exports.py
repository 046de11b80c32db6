"""Streams of tables for tests: taken apart, put together, and the digest of a database to compare."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import psycopg
from psycopg import sql

Header: TypeAlias = dict[str, Any]
Frames: TypeAlias = list[tuple[Header, bytes]]


def read_frames(stream: bytes) -> Frames:
    """The headers and payloads of a stream."""
    frames: Frames = []
    while stream:
        header, stream = _cut(stream, 4)
        payload, stream = _cut(stream, 8)
        frames.append((msgspec.json.decode(header), payload))
    return frames


def write_frames(frames: Frames) -> bytes:
    """The stream of these frames."""
    return b"".join(_sized(msgspec.json.encode(header), 4) + _sized(payload, 8) for header, payload in frames)


def digests(dsn: str, tables: list[str]) -> Mapping[str, str]:
    """A digest of all rows of each table, every value as PostgreSQL writes it."""
    query = sql.SQL("SELECT md5(coalesce(string_agg(rows::text, E'\\n' ORDER BY rows::text), '')) FROM {} rows")
    with psycopg.connect(dsn, options="-c extra_float_digits=3 -c timezone=UTC") as connection:
        found = {name: connection.execute(query.format(sql.Identifier(name))).fetchone() for name in tables}
    return {name: str(row and row[0]) for name, row in found.items()}


def _sized(text: bytes, width: int) -> bytes:
    return len(text).to_bytes(width, "big") + text


def _cut(stream: bytes, width: int) -> tuple[bytes, bytes]:
    end = width + int.from_bytes(stream[:width], "big")
    return stream[width:end], stream[end:]
