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
    "250,000 rows": "2,500 rows",
    "50,000 bundles": "500 bundles",
    "--count 50000": "--count 500",
    "50_000": "500",
    "ready 250000": "ready 2500",
    "(plan 50,000, provider 50,000, member 50,000, eligibility 50,000, claim 50,000)": (
        "(plan 500, provider 500, member 500, eligibility 500, claim 500)"
    ),
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
    blocks = atdm.blocks(PAGE)
    last = next(place for place, block in enumerate(blocks) if "sha256sum" in block.text)
    atdm.follow(blocks[:last])
    printed = atdm.run(blocks[last].text)
    manifest = json.loads((atdm.folder / "rows" / "manifest.json").read_text(encoding="utf-8"))
    assert printed.split()[0] == manifest["digest"]
    assert manifest["volume"]["count"] == 2000


def test_the_page_fills_the_target(atdm: Checkout) -> None:
    """The commands of the page write a volume into the target of a stack and take it back."""
    blocks = atdm.blocks(PAGE)
    begin = next(place for place, block in enumerate(blocks) if block.text == "make up\n")
    atdm.follow(blocks[begin:])
