"""Many reads at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

__all__ = ["AT_ONCE", "side_by_side"]

AT_ONCE: Final = 32

_T = TypeVar("_T")
_R = TypeVar("_R")


async def side_by_side(function: Callable[[_T], Awaitable[_R]], items: Sequence[_T]) -> list[_R]:
    """What `function` answers to each item, in their order; `AT_ONCE` of them run at a time."""
    answers: list[_R] = []
    for start in range(0, len(items), AT_ONCE):
        answers += await asyncio.gather(*map(function, items[start : start + AT_ONCE]))
    return answers
