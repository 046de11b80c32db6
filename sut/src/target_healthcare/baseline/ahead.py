"""The next item is made in a thread while the caller works on this one."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def work_ahead(items: Generator[Item]) -> Generator[Item]:
    """Yield the same items, always one ahead; closing it waits for the one under way and closes `items`."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        try:
            upcoming = thread.submit(_next, items)
            while item := upcoming.result():
                upcoming = thread.submit(_next, items)
                yield item[0]
        finally:
            thread.submit(items.close).result()


def _next(items: Generator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
