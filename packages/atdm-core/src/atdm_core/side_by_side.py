"""Many things at once, but not too many."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

__all__ = ["side_by_side"]

AT_ONCE: Final = 16

_T = TypeVar("_T")


async def side_by_side(works: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What the works return, in their order; the first error, once all have ended."""
    free = asyncio.Semaphore(AT_ONCE)

    async def do(work: Coroutine[Any, Any, _T]) -> _T:
        async with free:
            return await work

    results = await asyncio.gather(*map(do, works), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # pyright: ignore[reportReturnType]
