"""Many things at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

__all__ = ["AT_ONCE", "side_by_side"]

AT_ONCE: Final = 16

_T = TypeVar("_T")
_R = TypeVar("_R")


async def side_by_side(function: Callable[[_T], Awaitable[_R]], items: Sequence[_T]) -> list[_R]:
    """What `function` answers to each item, in their order; `AT_ONCE` of them run at a time.

    Raises the error of the first item that has one, once all have ended.
    """
    answers: dict[int, _R] = {}
    errors: dict[int, Exception] = {}
    waiting = iter(enumerate(items))

    async def work() -> None:
        for place, item in waiting:
            try:
                answers[place] = await function(item)
            except Exception as error:  # noqa: BLE001 - of whatever kind, it must not save the others
                errors[place] = error

    ended = await asyncio.gather(*(work() for _ in items[:AT_ONCE]), return_exceptions=True)
    for error in (*ended, errors.get(min(errors, default=0))):
        if error is not None:
            raise error
    return [answers[place] for place in range(len(items))]
