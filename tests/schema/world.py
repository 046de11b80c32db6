"""Servers in this event loop whose target and store can fail for real."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2
from litestar import Litestar

from atdm_server import Settings, create_app
from atdm_server.tokens import Tokens
from infra.local_stack import Stack
from tests.flaky_proxy import FlakyProxy

__all__ = ["DRY", "READER", "SEEDED", "TOKEN", "World", "world_of"]

TOKEN = "a-token-for-tests-only"
READER = "a-token-that-only-reads"
PATIENCE = 20.0  # seconds until a server has started
SEEDED = {"scenario": "active_member_clean"}
DRY = {**SEEDED, "delivery": {"seed_target": False}}


@dataclass(frozen=True)
class World:
    """Servers on one store: `near` its target, `far` from it behind `proxy`, `talking` with planner `llm`.

    `busy` stands behind the proxy too; it takes one change at a time, for a quarter of a second, and lets none wait.
    """

    near: httpx2.AsyncClient
    far: httpx2.AsyncClient
    talking: httpx2.AsyncClient
    busy: httpx2.AsyncClient
    proxy: FlakyProxy
    store: Path

    def lose_store(self) -> None:
        """Put a link that leads to itself where the folder of the store was: nothing can be read or written there."""
        if self.store.exists():
            self.store.rename(self.store.with_name("lost"))
        self.store.symlink_to(self.store)

    async def a_run(self) -> tuple[str, dict[str, str]]:
        """The id of a new run with rows, and the body that resets it."""
        answer = (await self.near.post("/test-data/requests", json=SEEDED)).json()
        return answer["test_run_id"], {"cleanup_token": answer["cleanup"]["cleanup_token"]}

    async def a_baseline(self) -> Path:
        """The folder of a new baseline named `golden`."""
        answer = await self.near.post("/test-data/baseline/snapshot", json={"baseline_id": "golden"})
        assert answer.status_code == 201, answer.text
        return self.store / "atdm-catalog" / "baselines" / "golden"


@asynccontextmanager
async def world_of(stack: Stack, folder: Path) -> AsyncGenerator[World]:
    """A world on the target of a running stack, with a store of its own."""
    async with AsyncExitStack() as open_parts:
        proxy = await open_parts.enter_async_context(FlakyProxy(stack.target_url))
        clients = [
            await open_parts.enter_async_context(_client(_OnDemand(_settings(stack, folder) | other)))
            for other in (
                {},
                {"target_url": proxy.url, "target_timeout": 0.5},
                {"planner": "llm"},
                {"target_url": proxy.url, "changes_at_once": 1, "changes_waiting": 0, "request_timeout": 0.25},
            )
        ]
        yield World(*clients, proxy=proxy, store=folder / "objects")


def _settings(stack: Stack, folder: Path) -> dict[str, Any]:
    return {
        "tokens": Tokens([Tokens.admin(TOKEN, "ATDM_API_TOKEN"), *Tokens.read(f"ci read {READER}", "here")]),
        "target_url": stack.target_url,
        "target_token": stack.target_token,
        "store_url": (folder / "objects").as_uri(),
        "server_key": b"a key for tests only",
        "fixture_folder": folder / "fixtures",
    }


class _OnDemand(httpx2.AsyncBaseTransport):
    """A server that starts with the first request to it: most tests speak to one of the four."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._server: httpx2.ASGITransport | None = None
        self._life: asyncio.Task[None] | None = None
        self._is_up, self._may_end = asyncio.Event(), asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass a request on."""
        if self._server is None:
            app = create_app(Settings(**self._settings))
            self._server = httpx2.ASGITransport(cast("Any", app), raise_app_exceptions=False)
            self._life = asyncio.create_task(self._live(app))
        async with asyncio.timeout(PATIENCE):
            await self._is_up.wait()
        return await self._server.handle_async_request(request)

    async def _live(self, app: Litestar) -> None:
        """Start and stop in one task, whichever asks first, as the server's own scopes demand."""
        async with app.lifespan():
            self._is_up.set()
            await self._may_end.wait()

    async def aclose(self) -> None:
        """Stop the server."""
        self._may_end.set()
        if self._life is not None:
            await self._life


def _client(server: _OnDemand) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx2.AsyncClient(transport=server, base_url="http://atdm", headers=headers)
