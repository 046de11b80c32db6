"""A target in front of a schema of other people, with rows of its own."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx2
import psycopg
import pytest

from target_healthcare.__main__ import prepare_database
from tests.unit.target_healthcare.conftest import running_target, settings_for
from tests.unit.target_healthcare.foreign import DUMP, OWN_ROWS, Sql


@pytest.fixture
def dsn(empty_database: str, tmp_path: Path) -> str:
    """A database with the schema and rows of its own."""
    (tmp_path / "0001_dump.sql").write_text(DUMP)
    prepare_database(settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path)))
    with psycopg.connect(empty_database) as connection:
        connection.execute(OWN_ROWS)
    return empty_database


@pytest.fixture
async def target(dsn: str, tmp_path: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the target in front of it."""
    settings = settings_for(dsn, TARGET_MIGRATIONS=str(tmp_path), TARGET_POOL_SIZE="2")
    async with running_target(settings) as client:
        yield client


@pytest.fixture
def sql(dsn: str) -> Generator[Sql]:
    """The application that the database belongs to."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
