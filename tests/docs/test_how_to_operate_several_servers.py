"""The how-to "Operate servers that others rely on", carried out."""

from pathlib import Path

from tests.docs.how_to import checkout


def test_tokens_have_scopes_and_a_store_is_checked(tmp_path: Path) -> None:
    """The commands of the page are refused where the scope is missing, and end in a checkpoint."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.follow(atdm.blocks("operate-several-servers"))
