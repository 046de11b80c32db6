"""The target over HTTP: one pooled client for the life of the process (docs/reference/target-contract.md)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import httpx2
import msgspec

from atdm_core.errors import ResetFailed, RunGone, SeedFailed, TargetError, TargetUnreachable
from atdm_core.protocols import Load
from atdm_core.values import Bundle, Deletion, LedgerEntry, SeedReceipt
from atdm_server.table_frames import write_run
from atdm_server.target_answers import error_of, reaching, read_answer, read_change, read_run_ids

__all__ = ["HttpTarget"]

_POOL: Final = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
_LOAD_PATIENCE: Final = 600.0  # seconds between two signs of life of a load
_DELETED_PER_SECOND: Final = 5_000  # rows; a slow database with many indexes takes ten times as many
_GONE: Final = frozenset({"RUN_DELETED", "RUN_NOT_FOUND"})


class _Extended(msgspec.Struct, frozen=True):
    expires_at: datetime


class HttpTarget:
    """See `Target`."""

    def __init__(self, url: str, token: str, timeout: float) -> None:
        """`url` without a slash at its end; `timeout` in seconds, from the first byte sent to the last received."""
        self._url = url
        self._timeout = timeout
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=timeout,
            limits=_POOL,
            trust_env=False,
        )

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        tables = msgspec.json.encode(bundle.records())
        body: dict[str, Any] = {"bundle_sha": sha256(tables).hexdigest(), "tables": msgspec.Raw(tables)}
        if ttl_seconds is not None:
            body["ttl_seconds"] = ttl_seconds
        response = await self._send("PUT", f"/internal/runs/{bundle.run_id}", msgspec.json.encode(body))
        return read_answer(response, SeedReceipt, SeedFailed)

    async def load(self, load: Load, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.load`."""
        params = {"bundle_sha": load.sha256} | ({} if ttl_seconds is None else {"ttl_seconds": str(ttl_seconds)})
        with reaching(self._url, _LOAD_PATIENCE):
            response = await self._http.put(
                f"/internal/runs/{load.run_id}/rows",
                params=params,
                content=write_run(load.groups),
                headers={"content-type": "application/vnd.atdm.tables"},
                timeout=httpx2.Timeout(_LOAD_PATIENCE, connect=self._timeout),
            )
        return read_answer(response, SeedReceipt, SeedFailed)

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        return read_change(await self._take_back(run_id, f"/internal/runs/{run_id}"), Deletion, ResetFailed)

    async def extend(self, run_id: str, ttl_seconds: int) -> datetime:
        """See `Target.extend`. A `TargetError` when the target refuses for another reason."""
        content = msgspec.json.encode({"ttl_seconds": ttl_seconds})
        response = await self._send("PATCH", f"/internal/runs/{run_id}", content)
        if not response.is_success and error_of(response)[0] in _GONE:
            raise RunGone(f"run {run_id} has been taken back, or its time was up; ask for a new one", run_id=run_id)
        return read_change(response, _Extended, TargetError).expires_at

    async def expired(self, limit: int) -> Sequence[str]:
        """See `Target.expired`. A `TargetError` when the target refuses."""
        return read_run_ids(await self._send("GET", "/internal/expired", params={"limit": limit}))

    async def expire(self, run_id: str) -> Deletion | None:
        """See `Target.expire`; errors as in `delete`."""
        response = await self._take_back(run_id, f"/internal/expired/{run_id}")
        if not response.is_success and error_of(response)[0] == "NOT_EXPIRED":
            return None
        return read_change(response, Deletion, ResetFailed)

    async def seeded(self, after: str, limit: int) -> Sequence[str]:
        """See `Target.seeded`; at most 1,000 at once. A `TargetError` when the target refuses."""
        query = {"state": "seeded", "after": after, "limit": limit}
        return read_run_ids(await self._send("GET", "/internal/runs", params=query))

    async def describe(self, run_id: str) -> LedgerEntry | None:
        """See `Target.describe`. A `TargetError` when the target refuses."""
        response = await self._send("GET", f"/internal/runs/{run_id}")
        if not response.is_success and error_of(response)[0] == "RUN_NOT_FOUND":
            return None
        return read_answer(response, LedgerEntry, TargetError)

    async def check(self) -> None:
        """See `Target.check`."""
        response = await self._send("GET", "/health")
        if response.status_code != 200:
            raise TargetUnreachable(f"the target at {self._url} is not healthy: {error_of(response)[1]}")

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def _take_back(self, run_id: str, path: str) -> httpx2.Response:
        """Delete a run. An answer that is late is waited for as long as the rows that are left may take."""
        with reaching(self._url, self._timeout):
            deleting = asyncio.create_task(self._http.request("DELETE", path, timeout=None))
            try:
                done, _ = await asyncio.wait({deleting}, timeout=self._timeout)
                if not done:
                    patience = await self._rows_of(run_id) / _DELETED_PER_SECOND
                    done, _ = await asyncio.wait({deleting}, timeout=patience)
                if not done:
                    raise TimeoutError
                return await deleting
            finally:
                deleting.cancel()

    async def _rows_of(self, run_id: str) -> int:
        """How many rows the target still has of a run; 0 when it has been taken back, and only the answer was lost."""
        try:
            run = await self.describe(run_id)
        except TargetUnreachable:
            raise
        except TargetError:
            return 0
        return sum(run.row_counts.values()) if run is not None and run.state == "seeded" else 0

    async def _send(
        self, method: str, path: str, content: bytes | None = None, params: Mapping[str, str | int] | None = None
    ) -> httpx2.Response:
        headers = {"content-type": "application/json"} if content is not None else None
        with reaching(self._url, self._timeout):
            async with asyncio.timeout(self._timeout):  # the client's own are per read, and a slow drip outlasts them
                return await self._http.request(method, path, content=content, headers=headers, params=params)
