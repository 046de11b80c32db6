"""kill -9 of server, target and PostgreSQL while clients request, retry, reset and extend."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.processes.checker import kept_rows, settle
from tests.faults.processes.clients import Book, Client, Habits, clients_at_work
from tests.faults.processes.cluster import Cluster
from tests.faults.processes.kills import CI_KILLS, Kill, all_kills, kill_one_by_one
from tests.faults.processes.length import LONG
from tests.s3 import S3

pytestmark = pytest.mark.asyncio(loop_scope="session")

Note = Callable[[str, int, str], None]
HABITS = Habits(pause=0.4)
BYSTANDERS = 5
ROUND = 20  # kills of the long version between two checks


async def killed(
    cluster: Cluster, kills: Sequence[Kill], note: Note, *, clients: int, within: float, seed: int
) -> None:
    """Kill under load, and require every promise."""
    book, done = Book(), Counter[str]()
    urls = list(cluster.urls.values())
    bystander = Client("bystander", urls, book, HABITS, seed)
    runs = [told.run_id for _ in range(BYSTANDERS) if (told := await bystander.request(None))]
    kept = await kept_rows(cluster, runs)
    async with clients_at_work(clients, urls, book, HABITS, seed):
        await kill_one_by_one(cluster, kills, lambda kill: done.update([kill]))
    cluster.heal()
    verdict = await settle(cluster, book, kept, within)
    await bystander.close()
    for kill, times in sorted(done.items()):
        note(f"kill -9: {kill}", times, "")
    note(f"kills under {clients} clients, in all", done.total(), str(verdict))
    for what in ("request: 200", "retry", "reset: 200", "extend: 200", "no answer"):
        note(f"  {what}", book.counts[what], "")
    verdict.require()
    assert len(runs) == BYSTANDERS


@pytest.mark.skipif(LONG, reason="the long version does more of the same")
async def test_kill_anything_at_every_step(cluster: Cluster, tried: Note) -> None:
    """Whoever is killed at whichever step: nothing acknowledged is missing, and no row is left over."""
    await killed(cluster, CI_KILLS, tried, clients=8, within=25.0, seed=1)


@pytest.mark.skipif(not LONG, reason="`make faults` does this for half an hour")
@pytest.mark.parametrize("seed", range(10))
async def test_many_kills(s3: S3, tried: Note, seed: int) -> None:
    """200 kills under 32 clients, with the settings that a server has by default."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-"))
    try:
        with s3.in_environment():
            async with Cluster(folder, servers=3, s3=s3, proxied=True, settings={}) as cluster:
                await killed(cluster, all_kills(ROUND, seed), tried, clients=32, within=90.0, seed=seed)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
