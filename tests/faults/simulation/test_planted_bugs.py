"""A test of the test: the simulation finds each bug that was planted for it."""

from collections.abc import Callable

import pytest

from tests.faults.simulation.hunt import hunt
from tests.faults.simulation.machine import Simulation
from tests.faults.simulation.planted_bugs import PLANTED_BUGS
from tests.faults.simulation.promises import Broken

RUNS, STEPS = 300, 60


@pytest.mark.parametrize("bug", PLANTED_BUGS)
def test_planted_bug_is_found(bug: str, tried: Callable[[str, int, str], None]) -> None:
    """A design with this bug breaks a promise, and the simulation sees it within its budget."""
    runs = 0

    class Buggy(Simulation):
        design = PLANTED_BUGS[bug]

        def __init__(self) -> None:
            nonlocal runs
            runs += 1
            super().__init__()

    with pytest.raises(Broken) as found:
        hunt(Buggy, runs=RUNS, steps=STEPS, shrink=False)
    tried(f"planted bug: {bug}", runs, f"found: {str(found.value).partition(chr(10))[0][:100]}")
