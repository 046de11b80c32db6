"""Many things at once."""

import asyncio

import pytest

from atdm_core.side_by_side import AT_ONCE, side_by_side


async def test_answers_come_in_order_and_not_too_many_run_at_once() -> None:
    """Each item is answered in its place, and no more of them run at a time than may."""
    running, most = 0, 0

    async def double(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(number % 3):
            await asyncio.sleep(0)
        running -= 1
        return 2 * number

    count = 5 * AT_ONCE
    assert await side_by_side(double, range(count)) == [2 * number for number in range(count)]
    assert most == AT_ONCE
    assert await side_by_side(double, []) == []


async def test_first_error_is_raised_when_all_have_ended() -> None:
    """An error does not keep the other items from being done, and that of the first in order is told."""
    done: list[int] = []

    async def fail_at_odd(number: int) -> None:
        await asyncio.sleep(0)
        if number % 2:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match=r"^1$"):
        await side_by_side(fail_at_odd, range(3 * AT_ONCE))
    assert sorted(done) == list(range(0, 3 * AT_ONCE, 2))


async def test_cancelled_work_ends_with_those_who_wait() -> None:
    """Whoever stops waiting stops all that runs, and nothing more is begun."""
    begun: list[int] = []

    async def wait(number: int) -> None:
        begun.append(number)
        await asyncio.Event().wait()

    task = asyncio.create_task(side_by_side(wait, range(3 * AT_ONCE)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == list(range(AT_ONCE))
