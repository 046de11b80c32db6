"""Who makes the shards: something that maps a function over them, in whatever order they are done.

The built-in `map` is such a thing already.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib import import_module
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from atdm_server.errors import SettingsInvalid

__all__ = ["MapUnordered", "in_processes", "on_ray"]

_A = TypeVar("_A")
_B = TypeVar("_B")


class MapUnordered(Protocol):
    """`map_unordered(fn, shards)`: the answers, in any order. Function, shards and answers can be pickled."""

    def __call__(self, fn: Callable[[_A], _B], shards: Iterable[_A], /) -> Iterator[_B]:
        """Yield each answer as it comes, and raise what `fn` raises."""
        ...


def in_processes(workers: int) -> MapUnordered:
    """A pool of this many processes of this machine. They end with this one, however it ends."""

    def map_unordered(fn: Callable[[_A], _B], shards: Iterable[_A], /) -> Iterator[_B]:
        waiting = iter(shards)
        # Not forked: a copy of a process with threads, as Arrow has them, may wait for one that is not there.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
            running: set[Future[_B]] = {pool.submit(fn, shard) for shard in islice(waiting, 2 * workers)}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= {pool.submit(fn, shard) for shard in islice(waiting, len(done))}
                    yield from (future.result() for future in done)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    return map_unordered


def on_ray() -> MapUnordered:
    """The Ray cluster that RAY_ADDRESS names, or one that is started here; `SettingsInvalid` where Ray is missing."""
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise SettingsInvalid("--engine ray needs Ray: install atdm-server[ray]") from None

    def map_unordered(fn: Callable[[_A], _B], shards: Iterable[_A], /) -> Iterator[_B]:
        waiting = iter(shards)
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False)
        call: Any = ray.remote(_call)
        ahead = 2 * int(ray.cluster_resources().get("CPU", 1))
        running: list[Any] = [call.remote(fn, shard) for shard in islice(waiting, ahead)]
        while running:
            done, running = ray.wait(running)
            running += [call.remote(fn, shard) for shard in islice(waiting, len(done))]
            yield from ray.get(done)

    return map_unordered


def _call(fn: Callable[[_A], _B], shard: _A) -> _B:
    return fn(shard)


def _end_with_parent() -> None:
    """A worker waits for its next shard for ever, also when whoever would give it one was killed."""
    parent = parent_process()
    if parent is not None:

        def end() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=end, daemon=True).start()
