"""Baselines as objects: a Parquet file for each table, and a manifest with their hashes, written last."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from atdm_core.errors import BaselineDamaged, BaselineExists, BaselineNotFound, NoBaseline
from atdm_core.protocols import Export
from atdm_core.values import Manifest, TableFile
from atdm_server.store.objects import ObjectStore

__all__ = ["ObjectBaselines"]

_CHUNK: Final = 1 << 20  # bytes
_BATCH_ROWS: Final = 16_384  # that are read at once


class ObjectBaselines:
    """See `Baselines`. Objects `baselines/<id>/<table>.parquet` and `manifest.json`.

    Tables pass through files of a temporary folder, so memory holds a batch at a time whatever the store is.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        # Arrow's own allocators keep what was freed, which for tables is a multiple of what is in use.
        pa.set_memory_pool(pa.system_memory_pool())

    async def save(self, baseline_id: str, export: Export, by: str) -> Manifest:
        """See `Baselines.save`."""
        if await self._store.keys(f"baselines/{baseline_id}/"):
            raise _exists(baseline_id)
        with tempfile.TemporaryDirectory(prefix="atdm-snapshot-") as folder:
            files = await _write_tables(export, Path(folder))
            for table in files:
                if not await self._store.create_from_file(_key(baseline_id, table), Path(folder) / table):
                    raise _exists(baseline_id)
        manifest = Manifest(
            baseline_id=baseline_id,
            captured_at=export.captured_at,
            schema_version=export.schema_version,
            files=files,
            audit_run_id=by,
        )
        if not await self._store.create(f"baselines/{baseline_id}/manifest.json", msgspec.json.encode(manifest)):
            raise _exists(baseline_id)
        return manifest

    @asynccontextmanager
    async def open(self, baseline_id: str | None) -> AsyncGenerator[tuple[Manifest, Export]]:
        """See `Baselines.open`."""
        manifest = await self._find(baseline_id)
        with tempfile.TemporaryDirectory(prefix="atdm-restore-") as name:
            folder = Path(name)
            for table, file in manifest.files.items():
                path = folder / table
                fetched = await self._store.fetch_to_file(_key(manifest.baseline_id, table), path)
                if not fetched or await asyncio.to_thread(_digest, path) != file.sha256:
                    raise BaselineDamaged(
                        f"baseline {manifest.baseline_id}: the stored table {table} is not the one that was saved; "
                        "restore another baseline",
                        table=table,
                    )
            yield (
                manifest,
                Export(
                    schema_version=manifest.schema_version,
                    captured_at=manifest.captured_at,
                    tables=tuple(manifest.files),
                    batches=_read_tables(folder, tuple(manifest.files)),
                ),
            )

    async def manifests(self) -> Sequence[Manifest]:
        """See `Baselines.manifests`."""
        keys = [key for key in await self._store.keys("baselines/") if key.endswith("/manifest.json")]
        stored = await asyncio.gather(*map(self._store.get, keys))
        found = [msgspec.json.decode(data, type=Manifest) for data in stored if data is not None]
        return sorted(found, key=lambda manifest: manifest.captured_at, reverse=True)

    async def _find(self, baseline_id: str | None) -> Manifest:
        if baseline_id is None:
            manifests = await self.manifests()
            if not manifests:
                raise NoBaseline("there is no baseline yet; take one with POST /test-data/baseline/snapshot")
            return manifests[0]
        stored = await self._store.get(f"baselines/{baseline_id}/manifest.json")
        if stored is None:
            raise BaselineNotFound(
                f"no baseline {baseline_id!r}; GET /test-data/baseline/list lists them", baseline_id=baseline_id
            )
        return msgspec.json.decode(stored, type=Manifest)


async def _write_tables(export: Export, folder: Path) -> dict[str, TableFile]:
    writers: dict[str, pq.ParquetWriter] = {}
    rows = dict.fromkeys(export.tables, 0)
    writing = asyncio.create_task(asyncio.sleep(0))
    try:
        async for table, batch in export.batches:
            await writing  # one batch is written while the next one comes in
            if table not in writers:
                writers[table] = _open_writer(folder / table, batch.schema)
            writing = asyncio.create_task(asyncio.to_thread(writers[table].write_batch, batch))
            rows[table] += batch.num_rows
        await writing
    finally:
        await asyncio.wait([writing])
        for writer in writers.values():
            writer.close()
    for table in export.tables:
        if table not in writers:  # an empty table is an empty file: it has no columns to tell
            pq.write_table(pa.table({}), folder / table)
    return {
        table: TableFile(rows=rows[table], sha256=await asyncio.to_thread(_digest, folder / table))
        for table in export.tables
    }


def _open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # A dictionary takes as long as all the rest, and zstd finds repetitions as well.
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False)


async def _read_tables(folder: Path, tables: Iterable[str]) -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    for table in tables:
        file = pq.ParquetFile(folder / table, pre_buffer=False)  # which would read the whole file ahead
        rows = file.metadata.num_rows
        batches = file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False) if rows else iter(())
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            yield table, batch


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _key(baseline_id: str, table: str) -> str:
    return f"baselines/{baseline_id}/{table}.parquet"


def _exists(baseline_id: str) -> BaselineExists:
    return BaselineExists(
        f"a baseline {baseline_id!r} exists, and none is overwritten; choose another name", baseline_id=baseline_id
    )
