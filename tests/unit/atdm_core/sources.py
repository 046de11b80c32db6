"""A source of variety that fits the door of the draw: a list of answers."""

from collections.abc import Iterable

import numpy as np

from atdm_core.columns import Ints


class ScriptedSource:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, answers: Iterable[int]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[int, str, range]] = []

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """See `Source.below`."""
        self.asked.append((bound, stream, rows))
        return np.array([next(self._answers) for _ in rows], dtype=np.int64)
