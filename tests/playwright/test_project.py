"""The npm project of the browser test: what it installs is the same everywhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "automation" / "playwright"
LOCK: dict[str, Any] = json.loads((PROJECT / "package-lock.json").read_text())


def test_packages_are_pinned_by_version_and_hash() -> None:
    """package.json asks for exact versions, and the lock file has each of them with a hash and no address."""
    wanted: dict[str, str] = json.loads((PROJECT / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    locked: dict[str, Any] = LOCK["packages"]
    assert LOCK["packages"][""]["devDependencies"] == wanted
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("resolved" not in package for package in locked.values())
    assert all(package["integrity"].startswith("sha512-") for name, package in locked.items() if name)


def test_a_browser_that_is_not_there_is_named() -> None:
    """With CHROMIUM_PATH pointing nowhere, the install stops with one line that says so."""
    command = [sys.executable, "-m", "scripts.playwright", "install"]
    environment = {**os.environ, "CHROMIUM_PATH": "/no/such/chromium"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: CHROMIUM_PATH is /no/such/chromium, and there is no such file\n"
