"""The suite that every target inherits, against the fake in memory and against the reference target over HTTP."""

import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from atdm_core import Bundle, Pack, Target
from atdm_core.protocols import Database
from atdm_core.testing import MemoryTarget, TargetContract
from atdm_healthcare import PACK
from atdm_server.http_database import HttpDatabase
from atdm_server.http_target import HttpTarget
from tests.postgres import fresh_database, start_postgres
from tests.surface.surfaces import SHARED_CODES
from tests.unit.atdm_core.shop import SHOP
from tests.unit.target_healthcare.conftest import TOKEN
from tests.unit.target_healthcare.test_main import environment, serving

SHOP_TABLES = """
CREATE TABLE country (code text PRIMARY KEY, test_run_id text);
INSERT INTO country VALUES ('ZZ', NULL);
CREATE TABLE customer (
    customer_id text PRIMARY KEY, name text, street text, tier text, born date,
    country text REFERENCES country, test_run_id char(26) NOT NULL
);
CREATE TABLE "order" (
    order_id text PRIMARY KEY, customer_id text REFERENCES customer, status text, placed_at timestamptz,
    items int, gift bool, note text, test_run_id text NOT NULL
);
-- Of the shop's own: no run writes here.
CREATE TABLE parcel (depot int, number int, "order" text REFERENCES "order", PRIMARY KEY (depot, number));
"""
NUMBERED_TABLES = """
CREATE TABLE country (code text PRIMARY KEY, test_run_id text);
INSERT INTO country VALUES ('ZZ', NULL);
CREATE TABLE customer (
    customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, street text, tier text, born date,
    country text REFERENCES country, test_run_id text NOT NULL
);
CREATE TABLE "order" (
    order_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer_id bigint REFERENCES customer, status text,
    placed_at timestamptz, items int, gift bool, note text, test_run_id text NOT NULL
);
"""


@pytest.fixture(scope="module")
def postgres() -> Generator[str]:
    """A PostgreSQL server for the targets of this module, which no server of ATDM looks after."""
    with start_postgres() as dsn:
        yield dsn


@contextmanager
def target_on(dsn: str, log: Path, **settings: str) -> Generator[str]:
    """A target of its own on this database; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with serving(environment(dsn, TARGET_PORT=port, **settings), log):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def healthcare_url(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A target of healthcare."""
    with fresh_database(postgres) as dsn, target_on(dsn, tmp_path_factory.mktemp("target") / "log") as url:
        yield url


@pytest.fixture(scope="module")
def shop(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """A target of the shop, and its database."""
    folder = tmp_path_factory.mktemp("target")
    (folder / "0001_shop.sql").write_text(SHOP_TABLES)
    with fresh_database(postgres) as dsn, target_on(dsn, folder / "log", TARGET_MIGRATIONS=str(folder)) as url:
        yield url, dsn


@pytest.fixture(scope="module")
def numbered_shop(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """A target of a shop whose database makes the keys, and its database."""
    folder = tmp_path_factory.mktemp("target")
    (folder / "0001_shop.sql").write_text(NUMBERED_TABLES)
    with fresh_database(postgres) as dsn, target_on(dsn, folder / "log", TARGET_MIGRATIONS=str(folder)) as url:
        yield url, dsn


class HealthcareTarget(TargetContract):
    """What the fake and the reference target are seeded with."""

    def a_pack(self) -> tuple[Pack, str]:
        """See `TargetStories`."""
        return PACK, "claim_denial_active_member"


class TestMemoryTarget(HealthcareTarget):
    """The fake keeps the promises that the engine builds on."""

    def open_target(self) -> Target:
        """See `TargetStories`."""
        self.now = datetime(2026, 7, 4, tzinfo=UTC)
        return MemoryTarget(SHARED_CODES, now=lambda: self.now)

    def open_database(self, target: Target) -> Database:
        """See `TargetStories`."""
        assert isinstance(target, MemoryTarget)
        return target

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """See `TargetStories`."""
        assert isinstance(target, MemoryTarget)
        return {
            name: sum(row["test_run_id"] == run_id for row in rows.values()) for name, rows in target.tables.items()
        }

    async def await_expiry(self, target: Target, run_id: str) -> None:
        """Turn the clock."""
        self.now += timedelta(seconds=1)


class OverHttp(TargetContract):
    """A target that answers HTTP at `url`."""

    url: str

    def open_target(self) -> Target:
        """See `TargetStories`."""
        return HttpTarget(self.url, TOKEN, timeout=30)

    def open_database(self, target: Target) -> Database:
        """See `TargetStories`."""
        self.database = HttpDatabase(self.url, TOKEN)
        return self.database

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """See `TargetStories`."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers) as http:
            answer = await http.get(f"/internal/runs/{run_id}")
        return answer.json()["row_counts"] if answer.status_code == 200 else {}

    async def close_target(self, target: Target) -> None:
        """See `TargetStories`."""
        assert isinstance(target, HttpTarget)
        await target.close()
        if database := vars(self).get("database"):
            await database.close()


class TestReferenceTarget(OverHttp, HealthcareTarget):
    """The reference target keeps them on PostgreSQL, by the database's clock."""

    @pytest.fixture(autouse=True)
    def use(self, healthcare_url: str) -> None:
        """Point the suite at it."""
        self.url = healthcare_url


class TestReferenceTargetOfAShop(OverHttp):
    """The same program on a schema whose system makes rows of its own."""

    @pytest.fixture(autouse=True)
    def use(self, shop: tuple[str, str]) -> None:
        """Point the suite at it."""
        self.url, self.dsn = shop

    def a_pack(self) -> tuple[Pack, str]:
        """See `TargetStories`."""
        return SHOP, "two_orders"

    async def await_expiry(self, target: Target, run_id: str) -> None:
        """Let the run's time be up."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("UPDATE atdm_run SET expires_at = now() WHERE run_id = %s", [run_id])

    async def plant(self, target: Target, bundle: Bundle) -> tuple[str, Mapping[str, Any]]:
        """A parcel for an order of the bundle."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("INSERT INTO parcel VALUES (3, 14, %s)", [bundle.keys()["order_id"]])
        return "parcel", {"depot": 3, "number": 14}


class TestReferenceTargetOfANumberedShop(OverHttp):
    """The same program where the database makes the keys, of seeds as well as of loads."""

    @pytest.fixture(autouse=True)
    def use(self, numbered_shop: tuple[str, str]) -> None:
        """Point the suite at it."""
        self.url, self.dsn = numbered_shop

    def a_pack(self) -> tuple[Pack, str]:
        """See `TargetStories`."""
        return SHOP, "two_orders"

    async def await_expiry(self, target: Target, run_id: str) -> None:
        """Let the run's time be up."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("UPDATE atdm_run SET expires_at = now() WHERE run_id = %s", [run_id])
