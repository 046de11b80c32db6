"""The Parquet files of a volume: one for each table and shard, the same bytes whoever writes them."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from atdm_core import Pack, Registry
from atdm_core.errors import StoreUnavailable
from atdm_core.volume import Shard, Volume, bundles_of
from atdm_core.volume_arrow import to_arrow
from atdm_server.volume.places import open_place

__all__ = ["Receipt", "VolumeFile", "VolumeManifest", "digest_of", "encode_shard", "write_shard"]


class VolumeFile(Struct, frozen=True):
    """One file: its place below the volume's, its rows, its size in bytes, and the SHA-256 of these."""

    key: str
    rows: int
    size: int
    sha256: str


class Receipt(Struct, frozen=True):
    """What is stored when all files of a shard are: until then, the shard does not count."""

    shard: int
    count: int
    files: tuple[VolumeFile, ...]


class VolumeManifest(Struct, frozen=True, kw_only=True):
    """What is stored last: all that a volume consists of. `rows` are counted by table, `size` is in bytes."""

    volume: Volume
    digest: str
    writer: str
    rows: Mapping[str, int]
    size: int
    files: tuple[VolumeFile, ...]


def digest_of(files: tuple[VolumeFile, ...]) -> str:
    """The SHA-256 of what `sha256sum` prints for the files in the order of their keys."""
    told = "".join(f"{file.sha256}  {file.key}\n" for file in sorted(files, key=lambda file: file.key))
    return sha256(told.encode()).hexdigest()


def write_shard(volume: Volume, place: str, shard: Shard) -> Receipt:
    """Make a shard, validate it, and store its files below the URL `place`; doing it again changes nothing."""
    files = encode_shard(volume, _pack(volume.domain), shard)
    return asyncio.run(_store(files, place, shard))


async def _store(files: Mapping[str, tuple[int, memoryview]], place: str, shard: Shard) -> Receipt:
    store = open_place(place)
    made: list[VolumeFile] = []
    for table, (rows, data) in files.items():
        key = f"{table}/{shard.number:06}.parquet"
        if not await store.create(key, data.tobytes()):
            raise StoreUnavailable(
                f"{place}/{key} exists and is another file: give the volume a place of its own, "
                "or go on with the version of pyarrow that began it"
            )
        made.append(VolumeFile(key, rows, data.nbytes, sha256(data).hexdigest()))
    return Receipt(shard.number, shard.count, tuple(made))


def encode_shard(volume: Volume, pack: Pack, shard: Shard) -> dict[str, tuple[int, memoryview]]:
    """The number of rows and the Parquet file of each table."""
    sinks: dict[str, pa.BufferOutputStream] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    rows: dict[str, int] = {}
    for bundle in bundles_of(volume, pack, shard):
        for name, table in to_arrow(bundle):
            if name not in writers:
                sinks[name] = pa.BufferOutputStream()
                writers[name] = _writer(sinks[name], table.schema, pack.entities[name].key)
            same = table.schema.equals(writers[name].schema)
            writers[name].write_table(table if same else table.cast(writers[name].schema))
            rows[name] = rows.get(name, 0) + table.num_rows
    for writer in writers.values():
        writer.close()
    return {name: (rows[name], memoryview(sink.getvalue())) for name, sink in sinks.items()}


def _writer(sink: pa.BufferOutputStream, schema: pa.Schema, key: str) -> pq.ParquetWriter:
    # Text that Arrow does not hold as a dictionary is different in nearly every row, and not worth the attempt.
    # Without Arrow's own schema a column is text for its readers, in whatever form a shard happened to hold it.
    few = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=few,
        write_statistics=[key],
        store_schema=False,
    )


@lru_cache
def _pack(domain: str) -> Pack:
    return Registry().pack(domain)
