"""The how-to "Prove that tests left nothing behind", carried out."""

from pathlib import Path

from tests.docs.how_to import checkout

VERIFY = ".venv/bin/atdm verify-clean before.json\n"


def test_digests_tell_what_is_left(tmp_path: Path) -> None:
    """The commands of the page find every table as it was, then a forgotten run, then none when its time is up."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.known["--ttl 20"] = "--ttl 10"
        blocks = atdm.blocks("verify-clean")
        _, second = (number for number, block in enumerate(blocks) if block.text == VERIFY)
        atdm.follow(blocks[:second])
        atdm.follow(blocks[second : second + 2], refused=[VERIFY])
        atdm.follow(blocks[second + 2 :])
