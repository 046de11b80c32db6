"""Headers that nobody sends in good faith."""

import pytest

from tests.faults.hostile.headers import HEADERS
from tests.faults.hostile.victim import Attempt, Victim


@pytest.mark.parametrize("attempt", HEADERS, ids=str)
def test_hostile_header(victim: Victim, attempt: Attempt) -> None:
    """Whatever a header says, it gives nobody a right, and nothing has changed."""
    victim.survive(attempt)
