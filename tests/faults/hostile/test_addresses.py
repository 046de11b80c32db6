"""Ids, paths, queries and methods that nobody sends in good faith."""

import pytest

from tests.faults.hostile.addresses import ADDRESSES
from tests.faults.hostile.victim import Attempt, Victim


@pytest.mark.parametrize("attempt", ADDRESSES, ids=str)
def test_hostile_address(victim: Victim, attempt: Attempt) -> None:
    """Whatever is asked for by whatever method, it is refused or without effect, and nothing has changed."""
    victim.survive(attempt)
