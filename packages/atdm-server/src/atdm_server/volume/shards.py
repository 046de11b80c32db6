"""The shards of a volume that goes into the target: made in other processes, handed on as they are wanted."""

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Final

from atdm_core import Pack, Registry
from atdm_core.volume import Shard, Volume, shards_of
from atdm_core.volume_arrow import ShardRows, rows_of
from atdm_server.volume.engines import in_processes

__all__ = ["make_shards"]

_WORKERS: Final = min(2, os.cpu_count() or 1)  # one makes rows several times as fast as a target with keys takes them


async def make_shards(volume: Volume, pack: Pack) -> AsyncGenerator[ShardRows]:
    """See `ShardMaker`. A single shard is made here: it is there before a process could begin."""
    shards = shards_of(volume, pack)
    loop = asyncio.get_running_loop()
    if len(shards) == 1:
        yield await loop.run_in_executor(None, rows_of, volume, pack, shards[0])
        return
    answers = _answers(volume, shards)
    thread = ThreadPoolExecutor(1, thread_name_prefix="shards")  # one: what is closed must not be at work
    try:
        while (shard := await loop.run_in_executor(thread, next, answers, None)) is not None:
            yield shard
    finally:
        closing = thread.submit(answers.close)
        thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))


def _answers(volume: Volume, shards: list[Shard]) -> Generator[ShardRows]:
    yield from in_processes(min(_WORKERS, len(shards)))(partial(_make, volume), shards)


def _make(volume: Volume, shard: Shard) -> ShardRows:
    return rows_of(volume, _pack(volume.domain), shard)


@lru_cache
def _pack(domain: str) -> Pack:
    return Registry().pack(domain)
