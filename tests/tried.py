"""The table of what was tried, printed when the session ends; under pytest-xdist its workers send their rows."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import pytest

__all__ = ["Tried"]

Row: TypeAlias = tuple[str, int, str]
Tried: TypeAlias = Callable[[str, int, str], None]
"""Takes what was tried, how often, and what came of it."""

_ROWS = pytest.StashKey[list[Row]]()


class Worker(Protocol):
    """A worker of pytest-xdist that has ended, as its hook sees it."""

    @property
    def config(self) -> pytest.Config:
        """The configuration of the session that started it."""
        ...

    @property
    def workeroutput(self) -> dict[str, list[Row]]:
        """What it sent; not there when it died."""
        ...


@pytest.fixture(scope="session")
def tried(pytestconfig: pytest.Config) -> Tried:
    """Note what was tried, how often, and what came of it."""
    rows = pytestconfig.stash.setdefault(_ROWS, [])

    def note(what: str, times: int, outcome: str) -> None:
        rows.append((what, times, outcome))

    return note


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the rows, in a worker."""
    output: dict[str, list[Row]] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tried"] = session.config.stash.setdefault(_ROWS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take the rows of a worker."""
    rows = node.config.stash.setdefault(_ROWS, [])
    rows += getattr(node, "workeroutput", {}).get("tried", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash.setdefault(_ROWS, [])
    if rows:
        terminalreporter.section("what was tried")
        width = max(len(what) for what, _, _ in rows)
        for what, times, outcome in rows:
            terminalreporter.write_line(f"{what:<{width}}  {times:>7,}  {outcome}")
