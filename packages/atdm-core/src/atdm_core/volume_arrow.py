"""Bundles as Arrow tables, without a Python object for any row.

Text of few distinct values stays a dictionary, and keys are put together by Arrow.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from atdm_core.columns import Coded, Column, Joined, Keys, Pool, values
from atdm_core.pack import Pack
from atdm_core.values import Bundle
from atdm_core.volume import Shard, Volume, bundles_of

__all__ = ["ShardRows", "rows_of", "to_arrow"]


class ShardRows(Struct, frozen=True):
    """The rows of a shard of `count` bundles, validated: Arrow IPC streams of one batch, each with its table.

    They are in the order to write them in; `sha256` (hex) is that of all streams.
    """

    number: int
    count: int
    streams: tuple[tuple[str, bytes], ...]
    sha256: str

    def batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches, each with its table."""
        for name, stream in self.streams:
            (batch,) = pa.ipc.open_stream(stream)
            yield name, batch


def rows_of(volume: Volume, pack: Pack, shard: Shard) -> ShardRows:
    """Make a shard; `ValidatorRejected` when a bundle of it breaks a rule."""
    streams: list[tuple[str, bytes]] = []
    for bundle in bundles_of(volume, pack, shard):
        streams += [(name, _stream(table)) for name, table in to_arrow(bundle)]
    digest = sha256()
    for _, stream in streams:
        digest.update(stream)
    return ShardRows(shard.number, shard.count, tuple(streams), digest.hexdigest())


def _stream(table: pa.Table) -> bytes:
    (batch,) = table.combine_chunks().to_batches()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


_DICTIONARIES: dict[Pool, pa.Array] = {}  # pools are few, compare by identity, and live as long as their pack


def to_arrow(bundle: Bundle) -> Iterator[tuple[str, pa.Table]]:
    """Each table of a bundle, under its entity's name.

    Text is string or a dictionary of it, days are date32, instants timestamps (s, UTC).
    """
    known: dict[int, pa.Array] = {}  # a reference is the very column of the keys that it refers to
    for entity, tables in bundle.tables.items():
        for table in tables:
            for column in table.columns.values():
                if id(column) not in known:
                    known[id(column)] = _arrow(column)
            yield entity, pa.table({name: known[id(column)] for name, column in table.columns.items()})


def _arrow(column: Column) -> pa.Array:
    match column:
        case Coded():
            return _dictionary(column)
        case Keys() | Joined():
            return _text(column)
        case _ if column.dtype == np.dtype("datetime64[s]"):
            return pa.array(column, type=pa.timestamp("s", "UTC"))
        case _:
            return pa.array(column, from_pandas=True)  # where NaN is null, as in `values`


def _dictionary(column: Coded) -> pa.Array:
    pool = column.pool
    null = column.isin(None) if None in pool.values else None
    codes = pa.array(column.codes.astype(np.int32), mask=null)
    return pa.DictionaryArray.from_arrays(codes, _texts_of(pool), safe=False)


def _texts_of(pool: Pool) -> pa.Array:
    # Parquet knows no null in a dictionary; no code leads to the text that stands in its place.
    if len(pool) == 1:
        return pa.array([pool.values[0] or ""], pa.string())  # constants come and go, with texts of their own
    if pool not in _DICTIONARIES:
        _DICTIONARIES[pool] = pa.array([text or "" for text in pool.values], pa.string())
    return _DICTIONARIES[pool]


def _text(column: Column) -> pa.Array:
    """The column as `values` has it, in one array of strings."""
    match column:
        case Coded() if None not in column.pool.values:
            return _dictionary(column).cast(pa.string())
        case Keys():
            joined = pc.binary_join_element_wise(pa.scalar(column.stem), _text(column.ordinals), "-")
            first = column.ordinals == 0
            return pc.if_else(pa.array(first), pa.scalar(column.stem), joined) if first.any() else joined
        case Joined():
            parts = (pa.scalar(part) if isinstance(part, str) else _text(part) for part in column.parts)
            return pc.binary_join_element_wise(*parts, "")
        case np.ndarray() if column.dtype.kind == "i":
            return pa.array(column).cast(pa.string())
        case _:
            return pa.array([str(value) for value in values(column)], pa.string())
