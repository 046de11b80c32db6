"""The shards of a volume for the target, made in another process."""

import asyncio
import os
from contextlib import aclosing
from datetime import date
from pathlib import Path

import pytest

from atdm_core.errors import GeneratorFailed
from atdm_core.volume import Volume, shards_of
from atdm_core.volume_arrow import rows_of
from atdm_healthcare import PACK
from atdm_server.volume import make_shards
from tests.stack.processes import descendants, wait_until


def a_volume(count: int, scenario: str = "active_member_clean") -> Volume:
    """A volume whose shards have a hundred bundles."""
    return Volume(
        domain=PACK.name,
        pack_version=PACK.version,
        mix={scenario: 1},
        count=count,
        shard_size=100,
        seed=7,
        as_of=date(2026, 7, 4),
        run_id="R1",
    )


def makers() -> set[int]:
    """The processes that this one has started, but for the one that looks after semaphores."""
    started = descendants(os.getpid())
    return {pid for pid in started if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


async def test_the_shards_are_those_that_are_made_here() -> None:
    """All shards come, each the same bytes as if it were made in this process, and the other process ends."""
    volume, before = a_volume(550), makers()
    async with asyncio.timeout(60):
        made = [shard async for shard in make_shards(volume, PACK)]
    expected = [rows_of(volume, PACK, shard) for shard in shards_of(volume, PACK)]
    assert sorted(made, key=lambda shard: shard.number) == expected
    assert [name for name, _ in made[0].batches()] == ["plan", "provider", "member", "eligibility", "claim"]
    assert makers() <= before


async def test_a_single_shard_starts_no_process() -> None:
    """What fits into one shard is made here."""
    before = makers()
    async with aclosing(make_shards(a_volume(3), PACK)) as shards:
        assert (await anext(shards)).count == 3
        assert makers() <= before


async def test_who_stops_early_leaves_nothing_behind() -> None:
    """Closing it in the midst ends the making and its process."""
    before = makers()
    async with asyncio.timeout(60), aclosing(make_shards(a_volume(5_000), PACK)) as shards:
        await anext(shards)
        await anext(shards)
        assert makers() - before
    wait_until(lambda: makers() <= before, "the end of the maker")


async def test_errors_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while rows are made is raised as it is."""

    def fail(*_: object) -> None:
        raise GeneratorFailed("no rows today")

    monkeypatch.setattr("atdm_server.volume.shards.rows_of", fail)
    with pytest.raises(GeneratorFailed, match="no rows today"):
        _ = [shard async for shard in make_shards(a_volume(550), PACK)]
