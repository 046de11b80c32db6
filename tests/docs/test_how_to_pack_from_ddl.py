"""The how-to "Make a pack from your schema", carried out."""

from pathlib import Path

from tests.docs.how_to import checkout

PAGE = "pack-from-ddl"


def test_the_schema_of_the_page_becomes_a_pack_and_rows(tmp_path: Path) -> None:
    """The commands of the page lead from DDL to rows in PostgreSQL and back, and tell of drift."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut", ".tools") as atdm:
        atdm.own_program()  # which `check` asks for the pack
        atdm.follow(atdm.blocks(PAGE), refused=[".venv/bin/atdm pack check"])
