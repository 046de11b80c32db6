"""The how-to "Connect your own system", carried out."""

import re
from collections.abc import Generator
from pathlib import Path

import msgspec
import psycopg
import pytest

from infra.local_stack import Stack, postgres
from target_healthcare.errors import TargetError
from target_healthcare.ledger.bundle import read_rows
from target_healthcare.migrations import MigrationError, migrate, read_migrations
from target_healthcare.schema import SchemaError, read_schema
from tests.docs.how_to import Block, Checkout, checkout
from tests.postgres import fresh_database

PAGE = "connect-your-own-system"
ADDRESS = "postgresql://tester@db.test.example"
FIRST = "0001_existing.sql"


@pytest.fixture
def atdm(tmp_path: Path) -> Generator[Checkout]:
    """A checkout with the library pack of the page before beside it, installed."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut", ".tools") as atdm:
        for block in atdm.blocks("write-a-pack"):
            if block.title:
                atdm.write(block)
        atdm.run(".tools/bin/uv pip install --quiet --no-deps --editable ../atdm-library")
        yield atdm


def test_the_three_ways_work_as_shown(atdm: Checkout, stack: Stack) -> None:
    """Existing tables are connected, a target over HTTP and one in Python keep the contract, and an engine uses it."""
    with fresh_database(stack.postgres_dsn) as yours, fresh_database(stack.postgres_dsn) as empty:
        atdm.known |= {f"{ADDRESS}/library": yours, f"{ADDRESS}/empty": empty}
        programs = postgres.binaries()  # with a pg_dump of the server's version
        atdm.environment["PATH"] = f"{programs}:{atdm.environment['PATH']}"
        blocks = atdm.blocks(PAGE)
        with psycopg.connect(yours) as database:
            database.execute(file_of(blocks, "yours.sql").encode())
        atdm.follow(blocks)
        with psycopg.connect(yours) as database:
            assert database.execute("SELECT reader_id FROM reader").fetchall() == [("yours",)]


def test_migrations_are_refused_as_shown(tmp_path: Path, stack: Stack) -> None:
    """Tables that exist, a dump as it is, and a file that was edited are refused with the messages of the table."""
    atdm = Checkout(tmp_path / "atdm")
    declared = file_of(atdm.blocks(PAGE), "0001_existing.sql")
    with fresh_database(stack.postgres_dsn) as dsn:
        with psycopg.connect(dsn) as database:
            database.execute(file_of(atdm.blocks(PAGE), "yours.sql").encode())
        refusals = [
            refusal_of(dsn, tmp_path, declared.replace(" IF NOT EXISTS", "")),
            refusal_of(dsn, tmp_path, f"\\restrict x\n{declared}"),
        ]
        assert refusal_of(dsn, tmp_path, declared) == ""
        refusals.append(refusal_of(dsn, tmp_path, declared + "-- more"))
    for told, shown in zip(refusals, messages_of(atdm.page(PAGE)), strict=False):
        assert all(part in told for part in shown.split("…")), told


def test_bundles_are_refused_as_shown(tmp_path: Path) -> None:
    """A table that is not there and a column that a table lacks are refused with the messages of the table."""
    atdm = Checkout(tmp_path / "atdm")
    declared = file_of(atdm.blocks(PAGE), "0001_existing.sql")
    tagged = declared.replace("due_on date NOT NULL", "test_run_id text")
    told: list[str] = []
    for sql, table in ((declared, "shelf"), (tagged, "loan")):
        (tmp_path / FIRST).write_text(sql, encoding="utf-8")
        rows = {table: msgspec.Raw(b'[{"due_on": "2026-07-04", "test_run_id": "run"}]')}
        with pytest.raises(TargetError) as refusal:
            read_rows(read_schema(read_migrations(tmp_path)), "run", rows)
        told.append(str(refusal.value))
    for message, shown in zip(told, messages_of(atdm.page(PAGE))[3:], strict=False):
        assert shown.rstrip("…") in message


def file_of(blocks: list[Block], name: str) -> str:
    """The text of a file that the page shows."""
    return next(block.text for block in blocks if block.title.endswith(name))


def messages_of(page: str) -> list[str]:
    """The messages of the table at the end, in order."""
    return re.findall(r"^\| `(.*?)` \|", page.partition("## What goes wrong")[2], flags=re.MULTILINE)


def refusal_of(dsn: str, folder: Path, sql: str) -> str:
    """What the target says about a first migration, or nothing when it takes it."""
    (folder / FIRST).write_text(sql, encoding="utf-8")
    try:
        migrations = read_migrations(folder)
        read_schema(migrations)
        migrate(dsn, {"schema": migrations})
    except (MigrationError, SchemaError) as error:
        return str(error)
    return ""
