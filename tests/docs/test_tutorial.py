"""The tutorial, done as it stands there in a folder and on ports of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.local_stack.stack import free_ports
from tests.architecture.sources import ROOT, files
from tests.docs.walkthrough import Walk, read_steps

TUTORIAL = ROOT / "docs" / "tutorial.md"


# In CI, pytest writes its summary in full, where a terminal cuts it; below another make, make tells of folders.
NOT_A_READERS = ("ATDM_", "TARGET_", "PYTEST_", "CI", "BUILD_NUMBER", "MAKE", "MFLAGS")


@pytest.fixture
def walk() -> Generator[Walk]:
    """A newcomer with a clone of this repository, whose environment is that of this checkout; in /tmp, as there."""
    target_port, api_port = free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(NOT_A_READERS)},
        "ATDM_PORT": str(api_port),
        "TARGET_PORT": str(target_port),
        "COLUMNS": "80",
    }
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="atdm-tutorial-") as name:
        clone = Path(name).resolve()
        copy_checkout(clone)
        known = {"/tmp/atdm": str(clone), ":18000": f":{target_port}", ":18001": f":{api_port}"}
        yield Walk(clone, environment, known)
        subprocess.run(["make", "down"], cwd=clone, env=environment, capture_output=True, timeout=60, check=True)


def copy_checkout(folder: Path) -> None:
    """What `git clone` and `make setup` would bring; setup itself is done already, and must not touch the checkout."""
    for path in files():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (folder / "scripts" / "bootstrap.sh").write_text("#!/bin/sh\n")
    (folder / ".venv").symlink_to(ROOT / ".venv")


def test_the_tutorial_works_as_it_stands(walk: Walk) -> None:
    """Each command of the tutorial does what is shown, on files saved as shown, and each page it names is there."""
    steps = list(read_steps(TUTORIAL.read_text(encoding="utf-8")))
    kinds = [step.kind for step in steps]
    assert kinds.count("type") == kinds.count("output") > 8
    assert {"save", "look"} < set(kinds)
    for step in steps:
        walk.take(step)
