"""Who may know whom: the contracts of import-linter, kept."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from grimp import ImportGraph

from scripts.import_allowlist import AllowlistContract
from tests.architecture.sources import ROOT


def test_import_lines_are_kept() -> None:
    """Every import line that the project has drawn is kept."""
    # A process of its own, because import-linter sets up logging anew and thereby disables the loggers of others.
    program = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_lines_of_the_architecture_are_drawn() -> None:
    """Nobody has taken back one of the four lines, or left a package out of them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    packages = {"atdm_core", "atdm_healthcare", "atdm_server", "atdm", "atdm_ddl", "target_healthcare"}
    lines = {contract["id"]: contract for contract in settings["contracts"]}
    assert set(settings["root_packages"]) == packages
    assert set(lines) >= {"core", "siblings", "client", "sql", "ddl"}
    assert set(lines["siblings"]["modules"]) == packages - {"atdm_core"}
    assert set(lines["sql"]["source_modules"]) == packages - {"target_healthcare", "atdm_ddl"}


@pytest.mark.parametrize(
    ("imported", "kept"), [("json", True), ("good.part", True), ("own.other", True), ("bad", False)]
)
def test_the_allowlist_lets_nothing_else_through(imported: str, kept: bool) -> None:
    """A package may import the standard library, itself and what is listed; anything else breaks its line."""
    graph = ImportGraph()
    for module in ("own", "own.part", imported):
        graph.add_module(module)
    graph.add_import(importer="own.part", imported=imported)
    contract = AllowlistContract(
        name="own",
        session_options={"root_packages": ["own"]},
        contract_options={"package": "own", "allowed_packages": ["good"]},
    )
    assert contract.check(graph, verbose=False).kept is kept
