"""Fixture files: what a run answered, in the form that Playwright and pytest read."""

import asyncio
import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from atdm_core.ids import check_id
from atdm_core.values import Delivery, FixturePaths, Outcome

__all__ = ["FixtureFolder"]


class FixtureFolder:
    """The folder that fixture files go to, as `<scenario>_<run>.json` and `.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self, scenario_id: str, run_id: str, delivery: Delivery) -> FixturePaths:
        """Where the fixtures that `delivery` asks for will stand."""
        stem = self.folder / f"{check_id(scenario_id)}_{check_id(run_id)}"
        return FixturePaths(
            playwright=f"{stem}.json" if delivery.return_playwright_fixture else None,
            pytest=f"{stem}.py" if delivery.return_pytest_fixture else None,
        )

    async def write(self, scenario_id: str, outcome: Outcome) -> None:
        """Write the files that the outcome names. The content is data only: a JSON object, a module of literals."""
        if outcome.fixtures.written():
            await asyncio.to_thread(self._write, scenario_id, outcome)

    def _write(self, scenario_id: str, outcome: Outcome) -> None:
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
        if outcome.fixtures.playwright:
            text = msgspec.json.format(msgspec.json.encode(content), indent=2)
            Path(outcome.fixtures.playwright).write_bytes(text + b"\n")
        if outcome.fixtures.pytest:
            Path(outcome.fixtures.pytest).write_text(_module(content), encoding="utf-8")


def _module(content: Mapping[str, Any]) -> str:
    literal = pprint.pformat(content, sort_dicts=False, width=100)
    return f'''"""Test data of one run, made by ATDM."""

SCENARIO_ID = {content["scenario_id"]!r}
TEST_RUN_ID = {content["test_run_id"]!r}

_DATA = {literal}


def scenario_data() -> dict:
    """What the run made, and how to take it back."""
    return _DATA
'''
