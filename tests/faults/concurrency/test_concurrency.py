"""Several servers on one store, and many clients: nobody is killed, and everybody is in everybody's way."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.processes.checker import kept_rows, settle
from tests.faults.processes.clients import Book, Client, Habits
from tests.faults.processes.cluster import IMPATIENT, Cluster
from tests.faults.processes.length import LONG

CLIENTS, RUNS = (64, 5000) if LONG else (16, 300)
WITHIN = 90.0 if LONG else 30.0  # seconds
BYSTANDERS = 5
HABITS = Habits(keyed=0.5, reset=0.6, reset_twice=0.3, foreign=0.2, extend=0.2, short_lived=0.1, twins=0.5)
PATIENT = {**IMPATIENT, "ATDM_REQUEST_TIMEOUT_SECONDS": "30", "ATDM_RECOVERY_SECONDS": "31"}
"""Nothing fails here, so nothing but a bug may be undone; and a busy machine is no bug."""


async def test_many_clients_of_three_servers(tried: Callable[[str, int, str], None]) -> None:
    """Whatever clients of three servers do at once, with keys, resets and wrong tokens, no promise is broken."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-"))
    try:
        async with Cluster(folder, servers=3, settings=PATIENT) as cluster:
            book, urls = Book(), list(cluster.urls.values())
            bystander = Client("bystander", urls, book, HABITS, 0)
            runs = [told.run_id for _ in range(BYSTANDERS) if (told := await bystander.request(None))]
            kept = await kept_rows(cluster, runs)
            began = time.monotonic()
            await asyncio.gather(*(_work(number, urls, book) for number in range(CLIENTS)))
            took = time.monotonic() - began
            await asyncio.gather(*(bystander.reuse(key) for key in list(book.keys)[:20]))
            await bystander.close()
            verdict = await settle(cluster, book, kept, WITHIN)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    tried(f"runs of {CLIENTS} clients on 3 servers, in {took:.0f} s", len(book.runs), str(verdict))
    for what in ("reset: 200", "extend: 200", "TOKEN_MISMATCH", "REQUEST_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED"):
        tried(f"  {what}", book.counts[what], "")
    verdict.require()
    assert len(runs) == BYSTANDERS
    assert len(book.runs) >= RUNS
    assert book.counts["no answer"] == 0


async def _work(number: int, urls: list[str], book: Book) -> None:
    client = Client(f"client-{number}", urls, book, HABITS, 0)
    while len(book.runs) < RUNS:
        await client.do_something()
    await client.close()
