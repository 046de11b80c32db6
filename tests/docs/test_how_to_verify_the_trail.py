"""The how-to "Verify the trail", carried out."""

import shutil
from pathlib import Path

import pytest

from tests.docs.how_to import checkout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the page makes its keys with openssl")
def test_what_was_changed_is_found_and_what_was_signed_is_confirmed(tmp_path: Path) -> None:
    """The commands of the page find an edited trail, keep a checkpoint, sign, and outlive a change of key."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.follow(atdm.blocks("verify-the-trail"))
