"""Bodies that nobody sends in good faith."""

import pytest

from tests.faults.hostile.bodies import BODIES
from tests.faults.hostile.victim import Attempt, Victim


@pytest.mark.parametrize("attempt", BODIES, ids=str)
def test_hostile_body(victim: Victim, attempt: Attempt) -> None:
    """Whatever a body is, it is refused in the one shape, and nothing has changed."""
    victim.survive(attempt)
