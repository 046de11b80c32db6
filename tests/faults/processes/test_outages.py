"""What store, database and network do to servers that go on running: outages, slowness, lost answers."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from tests.faults.processes.checker import Verdict, kept_rows, settle
from tests.faults.processes.clients import Book, Client, Habits, clients_at_work
from tests.faults.processes.cluster import Cluster
from tests.faults.processes.length import LONG

pytestmark = pytest.mark.asyncio(loop_scope="session")

Note = Callable[[str, int, str], None]
HABITS = Habits(pause=0.5)
OUTAGE = 60.0 if LONG else 5.0  # seconds
MOODS = 60.0 if LONG else 3.0
CLIENTS = 16 if LONG else 4
WITHIN = 25.0  # seconds, with the patience that the servers of these tests have


class Trouble:
    """What happened in a block of `trouble`."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.verdict = Verdict()


@asynccontextmanager
async def trouble(cluster: Cluster) -> AsyncGenerator[Trouble]:
    """Clients at work for the length of the block; then everything is healed, and every promise is required."""
    here = Trouble(Book())
    urls = list(cluster.urls.values())
    bystander = Client("bystander", urls, here.book, HABITS, 0)
    runs = [told.run_id for _ in range(3) if (told := await bystander.request(None))]
    assert len(runs) == 3
    kept = await kept_rows(cluster, runs)
    async with clients_at_work(CLIENTS, urls, here.book, HABITS, 0):
        yield here
        cluster.heal()
    here.verdict = await settle(cluster, here.book, kept, WITHIN)
    here.verdict.require()
    assert await bystander.request(None) is not None
    await bystander.close()


async def test_store_outage(cluster: Cluster, tried: Note) -> None:
    """While the store is away requests are refused, and when it is back they are served as before."""
    async with trouble(cluster) as there:
        for proxy in cluster.store_proxies.values():
            proxy.mode = "down"
        await asyncio.sleep(OUTAGE)
    refused = there.book.counts["STORE_UNAVAILABLE"] + there.book.counts["DEADLINE_EXCEEDED"]
    tried(f"store away for {OUTAGE:.0f} s: refused", refused, str(there.verdict))
    assert refused > 0


async def test_moody_store(cluster: Cluster, tried: Note) -> None:
    """A store that answers 503 to every tenth call, and to every hundredth never, breaks no promise."""
    async with trouble(cluster) as there:
        for proxy in cluster.store_proxies.values():
            proxy.sometimes = {"busy": 0.1, "hang": 0.01, "lose_answer": 0.01}
        await asyncio.sleep(MOODS)
    tried("store with 10 % 503, 1 % hanging, 1 % lost answers", there.book.counts["request"], str(there.verdict))


async def test_lost_answers_of_the_target(cluster: Cluster, tried: Note) -> None:
    """A seed, delete or extension that was done, and whose answer was lost or is a failure, is undone or finished."""
    async with trouble(cluster) as there:
        for proxy in cluster.target_proxies.values():
            proxy.sometimes = {"lose_answer": 0.2, "fail_after": 0.2}
        await asyncio.sleep(MOODS)
    lost = there.book.counts["TARGET_UNREACHABLE"]
    tried("target: done, and the answer lost", lost, str(there.verdict))
    assert lost > 0


async def test_postgres_stops_at_once_in_the_middle_of_a_seed(cluster: Cluster, tried: Note) -> None:
    """An immediate stop of PostgreSQL, when some rows of a bundle are written and some are not, leaves none of them."""
    async with trouble(cluster) as there:
        other = await psycopg.AsyncConnection.connect(cluster.dsn)
        await other.execute("LOCK TABLE claim IN EXCLUSIVE MODE")  # the last table of a bundle
        seeds = await seeds_under_way(other)
        cluster.kill("postgres", signal.SIGQUIT)
        await cluster.start("postgres")
        await other.close()
        await asyncio.sleep(1.0)
    tried("PostgreSQL stopped at once, with seeds under way", seeds, str(there.verdict))


async def seeds_under_way(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> int:
    """Wait until seeds have come as far as the table that is locked; how many have."""
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'claim'::regclass AND NOT granted"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        row = await (await connection.execute(waiting)).fetchone()
        if row and isinstance(row[0], int) and row[0] > 1:
            return row[0]
        await asyncio.sleep(0.02)
    raise AssertionError("no seed came to the last table within 20 s")


async def test_server_that_sleeps_wakes_too_late(cluster: Cluster, tried: Note) -> None:
    """A server that stands still before it decides, until others have, does not decide once more when it goes on."""
    name = cluster.servers[0]
    async with trouble(cluster) as there:
        proxy = cluster.store_proxies[name]
        trap = proxy.arm(lambda call: call.method == "PUT" and "/atdm-audit/runs/" in call.path, done=False)
        async with asyncio.timeout(20):
            await trap.caught.wait()
        cluster.kill(name, signal.SIGSTOP)
        await asyncio.sleep(7.0)  # others take its runs for dead after 5 s, and look every second
        trap.released.set()
        cluster.kill(name, signal.SIGCONT)
    tried("server that stood still until others decided", 1, str(there.verdict))
