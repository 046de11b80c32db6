from collections.abc import Generator
from threading import Event

import pytest

from target_healthcare.baseline.ahead import work_ahead


def test_items_come_in_order_and_one_is_made_meanwhile() -> None:
    """While the caller holds an item, the next one is made."""
    made = [Event(), Event(), Event()]

    def items() -> Generator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in work_ahead(items()):
        assert number == 2 or made[number + 1].wait(5)
    assert all(event.is_set() for event in made)


def test_an_error_comes_in_its_place() -> None:
    """What was made before an error is delivered before it."""

    def items() -> Generator[str]:
        yield "good"
        raise RuntimeError

    ahead = work_ahead(items())

    assert next(ahead) == "good"
    with pytest.raises(RuntimeError):
        next(ahead)


def test_closing_it_closes_what_it_takes_from() -> None:
    """An abandoned generator is ended, not left to the garbage collector."""
    closed = Event()

    def items() -> Generator[int]:
        try:
            yield from range(9)
        finally:
            closed.set()

    ahead = work_ahead(items())
    next(ahead)
    ahead.close()

    assert closed.is_set()
