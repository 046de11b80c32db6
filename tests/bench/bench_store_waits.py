"""How often a request waits for the store before it is answered. `make bench` runs it.

The server's store is S3 behind a proxy that makes every answer 50 ms late, and notes when each call began and ended.
What a request waits for is the longest chain of calls that follow one another; what stands beside the seed is told
apart, as it costs nothing where the target is the slower of the two. The budget: two, and no read.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.faults.processes.cluster import TOKEN, Cluster
from tests.flaky_proxy import Call, FlakyProxy
from tests.s3 import start_s3

DELAY = 0.05  # seconds
REQUESTS = 5
SETTLING = 0.5  # seconds until what goes on after an answer is over
SETTINGS = {"ATDM_SWEEP_SECONDS": "3600"}
BODY = {"scenario": "claim_denial_active_member"}


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-"))
    try:
        with start_s3() as s3, s3.in_environment():
            asyncio.run(measure(Cluster(folder, servers=1, s3=s3, proxied=True, settings=SETTINGS)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(starting: Cluster) -> None:
    async with starting as cluster:
        (name,) = cluster.servers
        store, target = cluster.store_proxies[name], cluster.target_proxies[name]
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=cluster.urls[name], headers=headers, timeout=30) as http:
            await http.post("/test-data/requests", json=BODY)
            await asyncio.sleep(2.0)  # the first sweep, which every process begins with
            store.delay = DELAY
            for what, keyed in (("without a key", False), ("with a key", True)):
                for _ in range(REQUESTS):
                    await one_request(http, {"idempotency-key": uuid4().hex} if keyed else {}, what, store, target)


async def one_request(
    http: httpx2.AsyncClient, key: dict[str, str], what: str, store: FlakyProxy, target: FlakyProxy
) -> None:
    """Send one request, and tell of it."""
    store.calls.clear()
    target.calls.clear()
    began = time.monotonic()
    (await http.post("/test-data/requests", json=BODY, headers=key)).raise_for_status()
    answered = time.monotonic()
    tell(what, answered - began, before(store.calls, answered), before(target.calls, answered))
    await asyncio.sleep(SETTLING)


def before(calls: list[Call], answered: float) -> list[Call]:
    """The calls that had ended when the request was answered."""
    return [call for call in calls if call.ended <= answered]


def chain(calls: list[Call]) -> list[Call]:
    """The longest chain of calls, each of which began when the one before had ended."""
    found: list[Call] = []
    for call in sorted(calls, key=lambda call: call.ended):
        if not found or call.began >= found[-1].ended:
            found.append(call)
    return found


def tell(what: str, took: float, store: list[Call], target: list[Call]) -> None:
    waits = chain(store)
    beside = [call for call in waits if any(seed.began < call.ended and call.began < seed.ended for seed in target)]
    reads = [call for call in store if call.method in ("GET", "HEAD")]
    names = ", ".join(call.path.split("/")[3:][0] + " " + call.path.split("/")[4] for call in waits)
    print(
        f"request {what:<13} {took * 1e3:6.1f} ms = {took / DELAY:.1f} x {DELAY * 1e3:.0f} ms; waits on the store: "
        f"{len(waits)}, of these beside the seed: {len(beside)}; reads: {len(reads)}; calls: {len(store)} ({names})"
    )


if __name__ == "__main__":
    main()
