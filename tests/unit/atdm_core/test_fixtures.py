"""Fixture files."""

import ast
import asyncio
import importlib.util
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atdm_core import Bundle, Outcome
from atdm_core.errors import InvalidRequest
from atdm_core.fixtures import FixtureFolder
from atdm_core.values import Cleanup, Delivery, FixturePaths
from tests.unit.atdm_core.shop import AS_OF, make_bundle

BOTH = Delivery(return_playwright_fixture=True, return_pytest_fixture=True, return_records=True)
NASTY = "it's \"quoted\" \\ \n''' {braces} ü \u2028 " + "long " * 40


def an_outcome(folder: FixtureFolder, bundle: Bundle, delivery: Delivery = BOTH) -> Outcome:
    """An outcome with nasty text in its rows."""
    records = bundle.records()
    records["order"][0]["note"] = NASTY
    return Outcome(
        request_id="tdr_run",
        test_run_id="run",
        status="ready",
        data=bundle.keys(),
        fixtures=folder.paths("one_order", "run", delivery),
        cleanup=Cleanup("token", "/test-data/runs/run/reset"),
        seed=1,
        as_of=AS_OF,
        audit_head="",
        records=records,
    )


async def write(folder: FixtureFolder, delivery: Delivery = BOTH) -> None:
    """Write the fixtures of an outcome."""
    bundle = make_bundle(rows=2)
    async with folder.written("one_order", an_outcome(folder, bundle, delivery), bundle):
        pass


def names(folder: Path) -> list[str]:
    """The names of what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def imported(path: Path) -> Any:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location("made_fixture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_paths_name_scenario_and_run(tmp_path: Path) -> None:
    """A fixture is named after scenario and run; one that was not asked for has no path."""
    folder = FixtureFolder(tmp_path)
    assert folder.paths("one_order", "run", BOTH) == FixturePaths(
        str(tmp_path / "one_order_run.json"), str(tmp_path / "one_order_run.py")
    )
    assert folder.paths("one_order", "run", Delivery()) == FixturePaths(None, None)


@pytest.mark.parametrize(("scenario", "run"), [("../x", "run"), ("one_order", "a/b"), (".x", "run")])
def test_no_fixture_leaves_its_folder(tmp_path: Path, scenario: str, run: str) -> None:
    """A scenario or run whose name could leave the folder is refused."""
    with pytest.raises(InvalidRequest):
        FixtureFolder(tmp_path).paths(scenario, run, BOTH)


async def test_all_files_say_the_same(tmp_path: Path) -> None:
    """The JSON file and both modules hold the same data, under the contract's keys."""
    folder = FixtureFolder(tmp_path / "not" / "yet")
    await write(folder)
    content = json.loads((folder.folder / "one_order_run.json").read_text())
    module = imported(folder.folder / "one_order_run.py")
    assert module.scenario_data() == content
    typescript = (folder.folder / "one_order_run.ts").read_text()
    assert json.loads(typescript.partition("export const scenario: Scenario = ")[2].removesuffix(";\n")) == content
    assert (module.SCENARIO_ID, module.TEST_RUN_ID) == ("one_order", "run")
    assert list(content) == ["scenario_id", "test_run_id", "data", "cleanup", "records"]
    assert content["cleanup"] == {
        "cleanup_token": "token",
        "endpoint": "/test-data/runs/run/reset",
        "expires_at": None,
    }
    assert content["records"]["order"][0]["note"] == NASTY
    assert content["records"]["order"][0]["placed_at"].startswith("2026-06")


async def test_the_module_holds_literals_only(tmp_path: Path) -> None:
    """The module imports and calls nothing: three constants and a function that returns one of them."""
    folder = FixtureFolder(tmp_path)
    await write(folder)
    tree = ast.parse((tmp_path / "one_order_run.py").read_text())
    docstring, *constants, function = tree.body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(function, ast.FunctionDef)
    for constant in constants:
        assert isinstance(constant, ast.Assign)
        ast.literal_eval(constant.value)
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Call, ast.Import, ast.ImportFrom))]


async def test_without_records_there_are_four_keys(tmp_path: Path) -> None:
    """A fixture of a request that did not ask for its rows has no records."""
    folder, bundle = FixtureFolder(tmp_path), make_bundle(rows=2)
    outcome = msgspec.structs.replace(an_outcome(folder, bundle), records=msgspec.UNSET)
    async with folder.written("one_order", outcome, bundle):
        pass
    assert "records" not in (tmp_path / "one_order_run.ts").read_text()
    assert list(json.loads((tmp_path / "one_order_run.json").read_text())) == [
        "scenario_id",
        "test_run_id",
        "data",
        "cleanup",
    ]


async def test_nothing_asked_for_nothing_written(tmp_path: Path) -> None:
    """Without a fixture asked for, not even the folder is made."""
    folder = FixtureFolder(tmp_path / "fixtures")
    await write(folder, Delivery())
    assert not folder.folder.exists()


async def test_files_go_when_the_run_does(tmp_path: Path) -> None:
    """Files of a run that fails after they were written are removed, and no others."""
    folder, bundle = FixtureFolder(tmp_path), make_bundle()
    (tmp_path / "one_order_another.json").touch()
    with suppress(TimeoutError):
        async with folder.written("one_order", an_outcome(folder, bundle), bundle):
            assert len(names(tmp_path)) == 4
            raise TimeoutError
    assert names(tmp_path) == ["one_order_another.json"]


async def test_all_files_or_none(tmp_path: Path) -> None:
    """When one file cannot take its place, none of the run stays, nor what was half written."""
    (tmp_path / "one_order_run.ts" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"one_order_run\.ts"):
        await write(FixtureFolder(tmp_path))
    assert names(tmp_path) == ["one_order_run.ts"]


async def test_cancelled_while_writing(tmp_path: Path) -> None:
    """A request that is cancelled while its files are being written leaves none."""
    writing = asyncio.create_task(write(FixtureFolder(tmp_path)))
    await asyncio.sleep(0)  # once it has begun
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert names(tmp_path) == []
