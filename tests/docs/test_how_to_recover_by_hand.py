"""The how-to "Recover by hand", carried out."""

from pathlib import Path

from tests.docs.how_to import checkout


def test_every_loss_is_found_and_mended(tmp_path: Path) -> None:
    """The commands of the page settle an open run, restore an object, delete a stranger and outlive the server key."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.follow(atdm.blocks("recover-by-hand"))
