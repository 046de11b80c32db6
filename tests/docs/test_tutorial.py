"""The tutorial, done as it stands there in a folder and on ports of its own."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.docs.how_to import Checkout, checkout, read_blocks


@pytest.fixture
def atdm() -> Generator[Checkout]:
    """A newcomer's clone, in /tmp as there, at a terminal of the usual width."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="atdm-") as name,
        checkout(Path(name).resolve() / "it", "infra", "packages", "pyproject.toml", "sut") as atdm,
    ):
        atdm.known["/tmp/atdm"] = str(atdm.folder)
        atdm.environment["COLUMNS"] = "80"
        yield atdm


def test_the_tutorial_works_as_it_stands(atdm: Checkout) -> None:
    """Each command of the tutorial does what is shown, on files saved as shown, and each page it names is there."""
    blocks = list(read_blocks((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")))
    kinds = ["file" if block.title else block.language for block in blocks]
    assert kinds.count("sh") == kinds.count("text") > 8
    assert {"file", "look"} < set(kinds)
    atdm.follow(blocks)
