"""Resets beside requests: each runs while the next data is made, and none outlives the test."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.control import cleanup

from atdm import AtdmClient
from atdm.beside import resets_beside_requests, take_back
from atdm.hypothesis import LiveRun, live
from tests.unit.atdm.fake_api import FakeApi, refusal

PATIENCE = 5.0  # seconds that something is waited for which must come
EXAMPLES = 5


class Target:
    """What stands somewhere: data that is put there, and is taken away by its number."""

    def __init__(self) -> None:
        self.there: set[int] = set()
        self.made = 0
        self.was_asked = threading.Condition()
        self.message: str | None = None

    def put(self) -> int:
        with self.was_asked:
            self.made += 1
            self.there.add(self.made)
            self.was_asked.notify_all()
            return self.made

    def remove(self, number: int) -> str | None:
        self.there.discard(number)
        return self.message

    def remove_once_the_next_is_asked_for(self, number: int) -> str | None:
        with self.was_asked:
            in_time = self.was_asked.wait_for(lambda: self.made > number or number == EXAMPLES, PATIENCE)
        self.there.discard(number)
        return None if in_time else "nothing was asked for meanwhile"

    @property
    def data(self) -> st.SearchStrategy[int]:
        return self.data_removed_by(self.remove)

    def data_removed_by(self, remove: Callable[[int], str | None]) -> st.SearchStrategy[int]:
        @st.composite
        def put(draw: st.DrawFn) -> int:
            draw(st.integers())
            number = self.put()
            cleanup(partial(take_back, partial(remove, number)))
            return number

        return put()


quick = settings(max_examples=EXAMPLES, deadline=None, database=None)


@pytest.mark.filterwarnings("error")
def test_the_next_data_is_asked_for_while_the_last_is_taken_away() -> None:
    """A reset that ends only once the next request has come does end, and before the test looks at the next data."""
    target = Target()

    @quick
    @given(target.data_removed_by(target.remove_once_the_next_is_asked_for))
    def alone(number: int) -> None:
        assert target.there == {number}

    with resets_beside_requests(alone):
        alone()
    assert (target.made, target.there) == (EXAMPLES, set())


@pytest.mark.parametrize("error", [AssertionError, KeyboardInterrupt])
def test_nothing_is_left_when_it_ends_early(error: type[BaseException]) -> None:
    """A failure and an interruption end with every reset done."""
    target = Target()

    @quick
    @given(target.data)
    def fails(number: int) -> None:
        if number > 2:
            raise error

    with pytest.raises(error), resets_beside_requests(fails):
        fails()
    assert target.made > 2
    assert target.there == set()


def test_data_that_is_drawn_in_the_test_waits_too() -> None:
    """Where the body draws its data itself, nothing of the example before is there when the body begins."""
    target = Target()

    @quick
    @given(st.data())
    def draws(data: st.DataObject) -> None:
        assert target.there == set()
        assert target.there == {data.draw(target.data)}

    with resets_beside_requests(draws):
        draws()
    assert target.there == set()


def test_a_test_within_a_test_leaves_nothing_to_its_caller() -> None:
    """A property test that another one calls has taken its data back when it returns."""
    target = Target()

    @quick
    @given(target.data)
    def inner(number: int) -> None:
        assert number in target.there

    @settings(quick, max_examples=1)
    @given(target.data)
    def outer(number: int) -> None:
        inner()
        assert target.there == {number}

    with resets_beside_requests(outer):
        outer()
    assert target.there == set()


def test_outside_of_the_block_a_reset_is_waited_for() -> None:
    """Without the block, and after it, an example is over when its reset is."""
    target = Target()

    @quick
    @given(target.data)
    def alone(number: int) -> None:
        assert target.there == {number}

    with resets_beside_requests(alone):
        pass
    alone()
    assert target.there == set()


def test_what_could_not_be_reset_is_told() -> None:
    """The message of a reset that failed is a warning, from whichever example it was."""
    target = Target()
    target.message = "it was not reset"

    @quick
    @given(target.data)
    def alone(number: int) -> None:
        assert number in target.there

    with pytest.warns(UserWarning, match="it was not reset") as told, resets_beside_requests(alone):
        alone()
    assert len(told) == EXAMPLES


def test_a_plain_function_is_left_alone() -> None:
    """The block does nothing for a test without Hypothesis."""
    target = Target()

    def plain() -> None:
        take_back(partial(target.remove, target.put()))
        assert target.there == set()

    with resets_beside_requests(plain):
        plain()


class Asked:
    """A request, as `live` wants it."""

    domain, scenario, seed, as_of = None, "active_member_clean", 7, None
    constraints: dict[str, object] = {}  # noqa: RUF012 - nobody writes to it


def test_a_run_that_is_not_reset_is_named(api: FakeApi) -> None:
    """The warning of a live run whose reset was refused has its id; the test goes on."""
    api.answers["POST", "/test-data/runs/"] = (502, refusal("RESET_FAILED", "the target refused"))
    with AtdmClient(api.url, api.token) as client:

        @settings(quick, max_examples=1)
        @given(live(st.just(Asked()), client=client))
        def looks(run: LiveRun) -> None:
            assert run.run_id in api.live

        with pytest.warns(UserWarning, match=r"run 01FAKE0+1 was not reset"), resets_beside_requests(looks):
            looks()


def test_the_plugin_opens_the_block(pytester: pytest.Pytester) -> None:
    """In a pytest session the data of each example is taken away while the next is asked for, and none is left."""
    _ = pytester.makefile(".ini", pytest="[pytest]\naddopts = -p no:asyncio -p no:hypothesispytest\n")
    _ = pytester.makepyfile(
        """
from hypothesis import given

from tests.unit.atdm.test_beside import EXAMPLES, Target, quick

target = Target()

class TestTarget:
    @quick
    @given(target.data_removed_by(target.remove_once_the_next_is_asked_for))
    def test_alone(self, number):
        assert target.there == {number}

def test_nothing_is_left():
    assert (target.made, target.there) == (EXAMPLES, set())
"""
    )
    pytester.runpytest("-W", "error").assert_outcomes(passed=2)
