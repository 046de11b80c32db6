"""The catalog as objects: one small Parquet file for each run."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from atdm_core.catalog import row_as_of_now
from atdm_core.errors import TrailBroken
from atdm_core.parquet import UNREADABLE, decode_rows, encode_rows
from atdm_core.protocols import AuditLog
from atdm_core.values import CatalogQuery, CatalogRow
from atdm_server.store.objects import ObjectStore

__all__ = ["ObjectCatalog", "decode_row", "encode_row"]

READ_AT_ONCE = 32  # rows; a listing reads that many objects side by side

_SCHEMA = pa.schema(
    [
        ("test_run_id", pa.string()),
        ("request_id", pa.string()),
        ("domain", pa.string()),
        ("scenario_id", pa.string()),
        ("pack_version", pa.string()),
        ("status", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("invoker", pa.string()),
        ("planner_mode", pa.string()),
        ("seed", pa.int64()),
        ("as_of", pa.date32()),
        ("constraints", pa.string()),
        ("cleanup_strategy", pa.string()),
        ("token_sha256", pa.string()),
        ("answer", pa.string()),
        ("expires_at", pa.timestamp("us", tz="UTC")),
    ]
)


class ObjectCatalog:
    """See `Catalog`. Objects `runs/<run>.parquet`; the status a run has now is read from its trail."""

    def __init__(self, store: ObjectStore, log: AuditLog) -> None:
        self._store = store
        self._log = log

    async def record(self, row: CatalogRow) -> None:
        """See `Catalog.record`."""
        await self._store.create(_key(row.test_run_id), encode_row(row))

    async def find(self, run_id: str) -> CatalogRow | None:
        """See `Catalog.find`."""
        data = await self._store.get(_key(run_id))
        return None if data is None else decode_row(data)

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """See `Catalog.runs`."""
        found: list[CatalogRow] = []
        run_ids = [key.removeprefix("runs/").removesuffix(".parquet") for key in await self._store.keys("runs/")]
        run_ids.reverse()  # ULIDs sort by time, so the newest come first
        for start in range(0, len(run_ids), READ_AT_ONCE):
            rows = await asyncio.gather(*map(self._row_as_of_now, run_ids[start : start + READ_AT_ONCE]))
            found += [row for row in rows if row is not None and query.matches(row)]
            if len(found) >= query.limit:
                break
        return found[: query.limit]

    async def _row_as_of_now(self, run_id: str) -> CatalogRow | None:
        row, trail = await asyncio.gather(self.find(run_id), self._log.read(run_id))
        return row and row_as_of_now(row, trail)


def _key(run_id: str) -> str:
    return f"runs/{run_id}.parquet"


def encode_row(row: CatalogRow) -> bytes:
    """One Parquet file of the row."""
    cells: dict[str, Any] = msgspec.structs.asdict(row)
    cells["constraints"] = msgspec.json.encode(row.constraints).decode()
    return encode_rows([cells], _SCHEMA)


def decode_row(data: bytes) -> CatalogRow:
    """The row of one object; `TrailBroken` when it is none, or was changed."""
    try:
        (cells,) = decode_rows(data)
        cells["constraints"] = msgspec.json.decode(cells["constraints"])
        return msgspec.convert(cells, CatalogRow)
    except (*UNREADABLE, ValueError, KeyError) as error:
        raise TrailBroken(f"not a readable catalog row: {error}") from error
