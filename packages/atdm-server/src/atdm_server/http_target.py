"""The target over HTTP: one pooled client for the life of the process (docs/reference/target-contract.md)."""

import asyncio
from hashlib import sha256
from typing import Any, TypeVar

import httpx2
import msgspec

from atdm_core.errors import ResetFailed, SeedFailed, TargetError, TargetUnreachable
from atdm_core.values import Bundle, Deletion, SeedReceipt
from atdm_server.target_answers import error_of, reaching, read_answer

__all__ = ["HttpTarget"]

_T = TypeVar("_T")
_POOL = httpx2.Limits(max_connections=64, max_keepalive_connections=16)


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
        return await self._call("PUT", bundle.run_id, SeedReceipt, SeedFailed, msgspec.json.encode(body))

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        return await self._call("DELETE", run_id, Deletion, ResetFailed)

    async def check(self) -> None:
        """See `Target.check`."""
        response = await self._send("GET", "/health")
        if response.status_code != 200:
            raise TargetUnreachable(f"the target at {self._url} is not healthy: {error_of(response)[1]}")

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def _call(
        self,
        method: str,
        run_id: str,
        answer: type[_T],
        refusal: type[TargetError],
        content: bytes | None = None,
    ) -> _T:
        return read_answer(await self._send(method, f"/internal/runs/{run_id}", content), answer, refusal)

    async def _send(self, method: str, path: str, content: bytes | None = None) -> httpx2.Response:
        headers = {"content-type": "application/json"} if content is not None else None
        with reaching(self._url, self._timeout):
            async with asyncio.timeout(self._timeout):  # the client's own are per read, and a slow drip outlasts them
                return await self._http.request(method, path, content=content, headers=headers)
