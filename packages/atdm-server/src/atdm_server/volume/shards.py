"""The shards of a volume that goes into the target: made in another process, handed on as they are wanted."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Final

from atdm_core import Pack, Registry
from atdm_core.volume import Shard, Volume, shards_of
from atdm_core.volume_arrow import ShardRows, rows_of
from atdm_server.volume.engines import in_processes

__all__ = ["make_shards"]

_WORKERS: Final = 1  # one makes rows many times as fast as a target with indexes and keys takes them


async def make_shards(volume: Volume, pack: Pack) -> AsyncGenerator[ShardRows]:
    """See `ShardMaker`. The first shard is made here: it is there before another process could begin."""
    first, *others = shards_of(volume, pack)
    loop = asyncio.get_running_loop()
    answers = _answers(volume, others)
    thread = ThreadPoolExecutor(1, thread_name_prefix="shards")  # one: what is closed must not be at work
    try:
        upcoming = loop.run_in_executor(thread, next, answers, None)
        yield await loop.run_in_executor(None, rows_of, volume, pack, first)
        while (shard := await upcoming) is not None:
            upcoming = loop.run_in_executor(thread, next, answers, None)
            yield shard
    finally:
        closing = thread.submit(answers.close)
        thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))


def _answers(volume: Volume, shards: list[Shard]) -> Generator[ShardRows]:
    if shards:
        yield from in_processes(_WORKERS)(partial(_make, volume), shards)


def _make(volume: Volume, shard: Shard) -> ShardRows:
    return rows_of(volume, _pack(volume.domain), shard)


@lru_cache
def _pack(domain: str) -> Pack:
    return Registry().pack(domain)
