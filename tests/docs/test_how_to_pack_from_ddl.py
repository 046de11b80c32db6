"""The how-to "Make a pack from your schema", carried out."""

from pathlib import Path

import psycopg

from infra.local_stack import Stack
from tests.docs.how_to import checkout
from tests.postgres import fresh_database

PAGE = "pack-from-ddl"
ADDRESS = "postgresql://reader@db.test.example/helpdesk"


def test_the_schema_of_the_page_becomes_a_pack_and_rows(tmp_path: Path, stack: Stack) -> None:
    """The commands of the page lead from DDL, or a live database, to rows in PostgreSQL and back, and tell of drift."""
    with (
        fresh_database(stack.postgres_dsn) as dsn,
        checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut", ".tools") as atdm,
    ):
        atdm.own_program()  # which `check` asks for the pack
        atdm.known[ADDRESS] = f"'{dsn}'"
        blocks = atdm.blocks(PAGE)
        with psycopg.connect(dsn) as database:
            database.execute(next(block.text for block in blocks if block.language == "sql").encode())
        atdm.follow(blocks, refused=[".venv/bin/atdm pack check helpdesk --ddl"])
