import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import httpx2
import psycopg
import pytest
from litestar import Litestar

from target_healthcare import Settings, create_app
from target_healthcare.__main__ import prepare_database
from target_healthcare.database import create_pool
from target_healthcare.ledger import Ledger
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from tests.postgres import fresh_database, start_postgres

TOKEN = "the-service-token"


def settings_for(dsn: str, **more: str) -> Settings:
    """The settings of a target on a database of the test."""
    return Settings.from_environment({"TARGET_DATABASE_URL": dsn, "TARGET_SERVICE_TOKEN": TOKEN} | more)


@asynccontextmanager
async def running_target(settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    """The application in this process, with a client that shows the service token."""
    app = create_app(settings)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        _alive(app),
        httpx2.AsyncClient(transport=transport, base_url="http://target", headers=headers) as client,
    ):
        yield client


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncGenerator[None]:
    """Keep the application's lifespan in one task: pytest sets up and tears down a fixture in two."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    life, ready = asyncio.create_task(live()), asyncio.create_task(started.wait())
    await asyncio.wait([life, ready], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        ready.cancel()
        await life
    yield
    stop.set()
    await life


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """A PostgreSQL server for this session."""
    with start_postgres() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def shared_database(server: str) -> Generator[str]:
    """A migrated database that the tests of this session use one after the other."""
    with fresh_database(server) as dsn:
        prepare_database(settings_for(dsn))
        yield dsn


@pytest.fixture
def database(shared_database: str) -> str:
    """A migrated database without a run in it; its tables are not the test's to change."""
    with psycopg.connect(shared_database) as connection:
        connection.execute("TRUNCATE plan, provider, member, eligibility, claim, atdm_run")
        connection.execute("DELETE FROM procedure_code WHERE test_run_id IS NOT NULL")
        connection.execute("DELETE FROM diagnosis_code WHERE test_run_id IS NOT NULL")
    return shared_database


@pytest.fixture
def empty_database(server: str) -> Generator[str]:
    """An empty database of the test's own."""
    with fresh_database(server) as dsn:
        yield dsn


@pytest.fixture
def own_database(empty_database: str) -> str:
    """A migrated database of the test's own, to do with as it likes."""
    prepare_database(settings_for(empty_database))
    return empty_database


@pytest.fixture
def sql(database: str) -> Generator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of the test's own to look and to meddle with."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def client(database: str) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the target on the test's database."""
    async with running_target(settings_for(database, TARGET_POOL_SIZE="2")) as client:
        yield client


@pytest.fixture
async def own_client(own_database: str) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of a target on the test's own database."""
    async with running_target(settings_for(own_database, TARGET_POOL_SIZE="2")) as client:
        yield client


@pytest.fixture
async def ledger(database: str) -> AsyncGenerator[Ledger]:
    """The ledger of the test's database, without HTTP."""
    settings = settings_for(database)
    async with create_pool(settings) as pool:
        yield Ledger(pool, read_schema(read_migrations(settings.migrations)))
