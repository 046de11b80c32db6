"""The target as a whole, over HTTP: exported and restored as streams, so that memory stays flat."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import msgspec

from atdm_core.errors import BaselineSchemaDrift, ResetFailed, RestoreFailed, SnapshotFailed
from atdm_core.protocols import Export
from atdm_core.values import Deletion, TableDigest
from atdm_server.table_frames import BrokenFrames, read_export, write_frames
from atdm_server.target_answers import error_of, reaching, read_answer, read_change, read_run_ids

__all__ = ["HttpDatabase"]

_PATH: Final = "/internal/database"
_PATIENCE: Final = 600.0  # seconds between two signs of life; a million rows take less than ten


class _Restored(msgspec.Struct, frozen=True):
    row_counts: dict[str, int]


class _Digested(msgspec.Struct, frozen=True):
    tables: dict[str, TableDigest]


class HttpDatabase:
    """See `Database`. A client of its own: whole databases take longer than any request may."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(_PATIENCE, connect=10.0),
            trust_env=False,
        )

    async def delete_all(self, by: str) -> Deletion:
        """See `Database.delete_all`."""
        with reaching(self._url, _PATIENCE):
            response = await self._http.delete("/internal/runs", params={"by": by})
        return read_change(response, Deletion, ResetFailed)

    async def taken_back(self, by: str, after: str, limit: int) -> Sequence[str]:
        """See `Database.taken_back`; at most 1,000 at once. A `TargetError` when the target refuses."""
        query = {"taken_back_by": by, "after": after, "limit": limit}
        with reaching(self._url, _PATIENCE):
            response = await self._http.get("/internal/runs", params=query)
        return read_run_ids(response)

    async def digest(self) -> Mapping[str, TableDigest]:
        """See `Database.digest`."""
        with reaching(self._url, _PATIENCE):
            response = await self._http.get("/internal/digest")
        return read_answer(response, _Digested, SnapshotFailed).tables

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[Export]:
        """See `Database.export`."""
        try:
            with reaching(self._url, _PATIENCE):
                async with self._http.stream("GET", _PATH) as response:
                    if not response.is_success:
                        await response.aread()
                        raise SnapshotFailed(f"the target refused: {error_of(response)[1]}")
                    yield await read_export(response.aiter_bytes())
        except BrokenFrames as error:
            raise SnapshotFailed(f"the target's export is broken: {error}") from error

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """See `Database.restore`."""
        headers = {"content-type": "application/vnd.atdm.tables"}
        with reaching(self._url, _PATIENCE):
            response = await self._http.put(
                _PATH,
                params={"schema_version": export.schema_version, "by": by},
                content=write_frames(export),
                headers=headers,
            )
        if response.status_code == 409 and error_of(response)[0] == "SCHEMA_DRIFT":
            raise BaselineSchemaDrift(
                "the target's schema is not the one this baseline was taken of; take a new baseline",
                schema_version=export.schema_version,
            )
        return read_change(response, _Restored, RestoreFailed).row_counts

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()
