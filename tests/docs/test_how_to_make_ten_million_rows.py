"""The how-to "Make ten million rows", carried out with a thousandth of them."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.docs.how_to import Checkout, checkout

PAGE = "make-ten-million-rows"
SMALL = {
    "10,000,000": "10,000",
    "2,000,000": "2,000",
    "2000000": "2000",
    "1400000": "1400",
    "600000": "600",
    "--run R1": "--run R1 --shard-size 200",
}


@pytest.fixture
def atdm(tmp_path: Path) -> Generator[Checkout]:
    """A checkout in which the page asks for a thousandth."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.known |= SMALL
        yield atdm


def test_the_page_makes_and_reads_a_volume(atdm: Checkout) -> None:
    """The commands of the page make a volume, read it, find it finished, and compute its digest."""
    *blocks, last = atdm.blocks(PAGE)
    atdm.follow(blocks)
    printed = atdm.run(last.text)
    manifest = json.loads((atdm.folder / "rows" / "manifest.json").read_text(encoding="utf-8"))
    assert printed.split()[0] == manifest["digest"]
    assert manifest["volume"]["count"] == 2000
