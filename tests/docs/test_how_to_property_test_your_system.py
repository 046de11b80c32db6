"""The how-to "Property-test your system with real rows", carried out."""

from pathlib import Path

from tests.docs.how_to import checkout


def test_properties_are_tested_and_a_failure_replayed(tmp_path: Path) -> None:
    """The files and commands of the page draw bundles, find what fails on a live system, and replay it."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.follow(atdm.blocks("property-test-your-system"))
