"""Rules for the tests themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import Function, functions_of, name_of, python, tree_of

SLEEPERS = {
    "tests/bench/bench_store_waits.py": "What a server goes on with after its answer tells nobody.",
    "tests/faults/processes/checker.py": "Other processes settle runs, and tell nobody; so one looks again.",
    "tests/faults/processes/clients.py": "A client pauses, and waits before it asks again, as real ones do.",
    "tests/faults/processes/kills.py": "A kill at any moment needs a moment.",
    "tests/faults/processes/test_disk_full.py": "The disk is filled by other processes, and stays full for a while.",
    "tests/faults/processes/test_outages.py": "An outage lasts.",
    "tests/flaky_proxy.py": "A slow service is slow.",
    "tests/stack/processes.py": "The end of a process that is not our child cannot be awaited.",
    "tests/stack/test_target_faults.py": "The tombstone is written by another process, and its table tells nobody.",
    "tests/stack/test_time_of_a_run.py": "The server takes runs back by itself, and tells nobody.",
    "tests/unit/target_healthcare/routes/test_database.py": "Who waits for a lock in PostgreSQL tells nobody.",
    "tests/unit/target_healthcare/ledger/test_runs.py": "Who waits for a lock in PostgreSQL tells nobody.",
}
"""Test files that may sleep, each with its reason."""


def each_test(path: Path) -> Iterator[Function]:
    """The test functions of a file."""
    return (function for function in functions_of(path) if function.name.startswith("test_"))


def test_every_test_says_what_it_shows() -> None:
    """Each test, and each one that others inherit, has a docstring of one sentence."""
    found: list[str] = []
    for path in python("tests", "packages"):
        for function in each_test(path):
            told = (ast.get_docstring(function) or "").strip()
            sentences = re.split(r"[.!?]\s+(?=[A-Z])", told)
            if not told.endswith(".") or len(sentences) != 1 or "\n\n" in told:
                found.append(f"{name_of(path)}:{function.lineno}: {function.name}")
    assert found == []


def test_no_test_sleeps() -> None:
    """No test waits for time to pass where something can be waited for; `asyncio.sleep(0)` only lets others run."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in python("tests")
        if name_of(path) not in SLEEPERS
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and _sleeps(node)
    ]
    assert found == []


def test_the_list_of_sleepers_is_short_and_true() -> None:
    """Every file that may sleep does, and says why in a sentence."""
    sleeping = {
        name_of(path)
        for path in python("tests")
        if any(isinstance(node, ast.Call) and _sleeps(node) for node in ast.walk(tree_of(path)))
    }
    assert set(SLEEPERS) <= sleeping
    assert all(reason.endswith(".") for reason in SLEEPERS.values())


def _sleeps(call: ast.Call) -> bool:
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if named != "sleep":
        return False
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


def test_test_folders_are_no_packages() -> None:
    """No test folder holds an `__init__`, but for the packs that tests install: pytest collects by file."""
    found = [name_of(path) for path in python("tests") if path.name == "__init__.py"]
    assert [name for name in found if not name.startswith("tests/packs/")] == []


def test_no_mocks() -> None:
    """Tests use real parts and the real fakes at our seams, never mocks."""
    found = [
        name_of(path)
        for path in python("tests", "packages")
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("unittest") for alias in node.names))
    ]
    assert found == []
