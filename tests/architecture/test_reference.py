"""The reference pages are complete: what the code has, they have."""

import re
from pathlib import Path

from atdm_core import AtdmError
from atdm_server.metrics import exposition
from atdm_server.responses import status_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def family(kind: type[AtdmError]) -> list[type[AtdmError]]:
    """An error and all that descend from it."""
    return [kind, *(each for child in kind.__subclasses__() for each in family(child))]


def test_every_error_code_is_documented_with_its_status() -> None:
    """Each error that is not the server's own fault stands on the page of codes, with its status."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`)[^|]*\| (\d+) \|", (REFERENCE / "errors.md").read_text(), flags=re.MULTILINE)
    told = {code: int(status) for codes, status in rows for code in re.findall(r"`(\w+)`", codes)}
    ours = [kind for kind in family(AtdmError) if kind.__module__ in ("atdm_core.errors", "atdm_server.errors")]
    expected = {kind.code: status_of(kind("x")) for kind in ours if status_of(kind("x")) != 500}
    assert {code: told.get(code) for code in expected} == expected


def test_every_metric_is_documented() -> None:
    """Each metric that is exposed stands on the page of metrics."""
    page = (REFERENCE / "metrics.md").read_text()
    names = {line.split()[2] for line in exposition({}).decode().splitlines() if line.startswith("# HELP atdm_")}
    names = {name for name in names if not name.endswith("_created")}
    assert names
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_environment_variable_is_documented() -> None:
    """Each environment variable that the programs read stands on the page of variables."""
    root = Path(__file__).parents[2]
    page = (REFERENCE / "environment.md").read_text()
    sources = [path for folder in ("packages", "sut") for path in (root / folder).rglob("settings.py")]
    assert len(sources) >= 3
    read = {name for path in sources for name in re.findall(r'"((?:ATDM|TARGET)_[A-Z_]+)"', path.read_text())}
    assert {name for name in read if f"`{name}`" not in page} == set()
