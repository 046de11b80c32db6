import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from litestar import Litestar

from atdm_server import Settings, create_app
from atdm_server.tokens import Tokens
from tests.unit.atdm_server.tiny_server import closed_port

API_TOKEN = "an-api-token-of-this-test"
TARGET_TOKEN = "a-target-token-of-this-test"
SERVER_KEY = b"the server key of this test"


def settings_for(folder: Path, target_url: str) -> Settings:
    """The settings of a server with its store in a folder."""
    return Settings(
        tokens=Tokens([Tokens.admin(API_TOKEN, "ATDM_API_TOKEN")]),
        target_url=target_url,
        target_token=TARGET_TOKEN,
        store_url=(folder / "store").as_uri(),
        server_key=SERVER_KEY,
        fixture_folder=folder / "fixtures",
        target_timeout=1.0,
    )


@asynccontextmanager
async def alive(app: Litestar) -> AsyncGenerator[None]:
    """Keep the application's lifespan in one task: pytest sets up and tears down a fixture in two."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    life = asyncio.create_task(live())
    await asyncio.wait_for(started.wait(), 10)
    yield
    stop.set()
    await life


@pytest.fixture
async def client(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client, with the API token, of a server in this process whose target is away."""
    caplog.set_level(logging.INFO)
    app = create_app(settings_for(tmp_path, f"http://127.0.0.1:{closed_port()}"))
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]
    headers = {"authorization": f"Bearer {API_TOKEN}"}
    async with (
        alive(app),
        httpx2.AsyncClient(transport=transport, base_url="http://atdm", headers=headers) as client,
    ):
        yield client
