"""Two more sources of variety that fit the door of the draw: a list of answers, and Hypothesis."""

from collections.abc import Callable, Iterable

import numpy as np
from hypothesis import strategies as st

from atdm_core.columns import Ints

DrawValue = Callable[[st.SearchStrategy[int]], int]


class ScriptedSource:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, answers: Iterable[int]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[int, str, range]] = []

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """See `Source.below`."""
        self.asked.append((bound, stream, rows))
        return np.array([next(self._answers) for _ in rows], dtype=np.int64)


class SearchedSource:
    """Lets Hypothesis answer, so that what a generator makes can be searched and shrunk."""

    def __init__(self, draw: DrawValue) -> None:
        self._draw = draw

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """See `Source.below`."""
        return np.array([self._draw(st.integers(0, bound - 1)) for _ in rows], dtype=np.int64)
