"""Fixture files: what a run answered, in the form that Playwright and pytest read."""

import asyncio
import pprint
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from atdm_core.ids import check_id
from atdm_core.typescript import typescript_module
from atdm_core.values import Bundle, Delivery, FixturePaths, Outcome

__all__ = ["FixtureFolder"]


class FixtureFolder:
    """The folder that fixture files go to, as `<scenario>_<run>.json`, `.ts` and `.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self, scenario_id: str, run_id: str, delivery: Delivery) -> FixturePaths:
        """Where the fixtures that `delivery` asks for will stand."""
        stem = self.folder / f"{check_id(scenario_id)}_{check_id(run_id)}"
        return FixturePaths(
            playwright=f"{stem}.json" if delivery.return_playwright_fixture else None,
            pytest=f"{stem}.py" if delivery.return_pytest_fixture else None,
        )

    def lacks(self, outcome: Outcome) -> bool:
        """Whether files that the outcome names are to stand here, and do not."""
        files = [Path(path) for path in outcome.fixtures.written()]
        return any(file.parent == self.folder and not file.exists() for file in files)

    @asynccontextmanager
    async def written(self, scenario_id: str, outcome: Outcome, bundle: Bundle) -> AsyncGenerator[None]:
        """Write the files that the outcome names, all of them or none; they stay if the block ends well.

        The content is data only: a JSON object, a TypeScript module of one literal, a Python module of literals.
        """
        files = [Path(path) for path in outcome.fixtures.written()]
        if not files:
            yield
            return
        writing = asyncio.create_task(asyncio.to_thread(self._write, files, scenario_id, outcome, bundle))
        try:
            await asyncio.shield(writing)
            yield
        except BaseException:
            await asyncio.wait([writing])  # a thread goes on after its request was cancelled
            _remove(files)
            raise

    def _write(self, files: list[Path], scenario_id: str, outcome: Outcome, bundle: Bundle) -> None:
        content: dict[str, Any] = {
            "scenario_id": scenario_id,
            "test_run_id": outcome.test_run_id,
            "data": outcome.data,
            "cleanup": outcome.cleanup,
        }
        if not isinstance(outcome.records, msgspec.UnsetType):
            content["records"] = outcome.records
        content = msgspec.to_builtins(content, builtin_types=())
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = [file.with_name(f".{file.name}.unfinished") for file in files]
        try:
            for file, path in zip(files, unfinished, strict=True):
                path.write_text(_text(file.suffix, content, bundle), encoding="utf-8")
            for file, path in zip(files, unfinished, strict=True):
                path.replace(file)
        except BaseException:
            _remove([*unfinished, *files])
            raise


def _text(suffix: str, content: Mapping[str, Any], bundle: Bundle) -> str:
    match suffix:
        case ".json":
            return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
        case ".ts":
            return typescript_module(content, [tables[0].entity for tables in bundle.tables.values()])
        case _:
            return _python_module(content)


def _remove(files: list[Path]) -> None:
    for file in files:
        with suppress(OSError):  # what cannot be removed must not hide why it is
            file.unlink()


def _python_module(content: Mapping[str, Any]) -> str:
    literal = pprint.pformat(content, sort_dicts=False, width=100)
    return f'''"""Test data of one run, made by ATDM."""

SCENARIO_ID = {content["scenario_id"]!r}
TEST_RUN_ID = {content["test_run_id"]!r}

_DATA = {literal}


def scenario_data() -> dict:
    """What the run made, and how to take it back."""
    return _DATA
'''
