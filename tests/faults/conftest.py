"""The table of what was tried, printed when the session ends."""

from collections.abc import Callable

import pytest

_TRIED = pytest.StashKey[list[tuple[str, int, str]]]()


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> Callable[[str, int, str], None]:
    """Note what was tried, how often, and what came of it."""
    rows = pytestconfig.stash.setdefault(_TRIED, [])

    def note(what: str, times: int, outcome: str) -> None:
        rows.append((what, times, outcome))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash.setdefault(_TRIED, [])
    if rows:
        terminalreporter.section("what was tried")
        width = max(len(what) for what, _, _ in rows)
        for what, times, outcome in rows:
            terminalreporter.write_line(f"{what:<{width}}  {times:>7,}  {outcome}")
