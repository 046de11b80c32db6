"""How fast a volume goes into the target, beside a bare binary COPY of the same rows. `make bench` runs it.

Both fill the same five tables, with their indexes, foreign keys and CHECK constraints, on the same PostgreSQL, in one
transaction and in the same order; the volume comes over HTTP with its ledger entry, and its rows are counted. Beside
them stands what a load could gain that sets indexes and foreign keys aside and builds them anew, which keeps everybody
else from these tables until it is done. Prints rows per second, the ratios, how far the target's memory rises, and how
long the ordinary seeds of somebody else take meanwhile.
"""

import argparse
import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx2
import psycopg
import pyarrow as pa

from atdm_core.ids import new_id
from atdm_core.pack import generate
from atdm_core.volume import Volume, shards_of
from atdm_core.volume_arrow import ShardRows, rows_of
from atdm_healthcare import PACK
from atdm_server.http_target import HttpTarget
from atdm_server.table_frames import write_run
from target_healthcare import baseline
from target_healthcare.queries import read_queries
from tests.bench.bench_baselines import TOKEN, serving, watching
from tests.postgres import fresh_database, start_postgres

BUNDLES = 60_000
ROUNDS = 3
AS_OF = date(2026, 7, 4)
TABLES = ("plan", "provider", "member", "eligibility", "claim")
SHA = "0" * 64
EMPTY = "TRUNCATE plan, provider, member, eligibility, claim; DELETE FROM atdm_run; CHECKPOINT"


def volume(run_id: str, bundles: int) -> Volume:
    """Seven in ten with a paid claim, three with a denied one."""
    return Volume(
        domain=PACK.name,
        pack_version=PACK.version,
        mix={"active_member_clean": 70, "claim_denial_active_member": 30},
        count=bundles,
        shard_size=10_000,
        seed=7,
        as_of=AS_OF,
        run_id=run_id,
    )


def frames(shards: list[ShardRows]) -> list[bytes]:
    """The body of a load."""

    async def groups() -> AsyncIterator[Iterator[tuple[str, pa.RecordBatch]]]:
        for shard in shards:
            yield shard.batches()

    async def collected() -> list[bytes]:
        return [chunk async for chunk in write_run(groups())]

    return asyncio.run(collected())


def load(http: httpx2.Client, run_id: str, body: list[bytes]) -> None:
    """Send a volume to the target."""
    answer = http.put(f"/internal/runs/{run_id}/rows", params={"bundle_sha": SHA}, content=iter(body))
    assert answer.status_code == 201, answer.text


def copy_out(connection: psycopg.Connection, table: str) -> list[bytes]:
    """The rows of a table as binary COPY has them."""
    with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:  # pyright: ignore[reportArgumentType]
        return [bytes(part) for part in copy]


def copy_in(connection: psycopg.Connection, rows: dict[str, list[bytes]], *, aside: bool = False) -> None:
    """All tables in one transaction; `aside`: without their indexes and keys, which are built anew at the end."""
    with connection.transaction():
        hindrances = connection.execute(hindrance_query(), {"names": list(TABLES)}).fetchall() if aside else []
        for set_aside, _ in hindrances:
            connection.execute(set_aside.encode())
        for table, parts in rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:  # pyright: ignore[reportArgumentType]
                for part in parts:
                    copy.write(part)
        for _, put_back in reversed(hindrances):
            connection.execute(put_back.encode())


def hindrance_query() -> bytes:
    """What a restore asks for, with a parameter of the bare driver's form."""
    queries = read_queries(Path(baseline.__file__).with_name("queries.sql"))
    return queries["list_hindrances"].replace(b"%", b"%%").replace(b"$1", b"%(names)s")


@contextmanager
def others(url: str) -> Generator[list[float]]:
    """Somebody else seeds bundle after bundle while the block runs; yields the seconds that each took, growing."""
    done, seconds = threading.Event(), list[float]()

    async def seed() -> None:
        target = HttpTarget(url, TOKEN, 30)
        plan = PACK.plan("active_member_clean", {}, seed=1, as_of=AS_OF)
        while not done.wait(0.02):
            bundle = generate(PACK, plan, new_id())
            started = time.perf_counter()
            await target.seed(bundle, None)
            seconds.append(time.perf_counter() - started)
        await target.close()

    thread = threading.Thread(target=lambda: asyncio.run(seed()))
    thread.start()
    try:
        yield seconds
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundles", type=int, default=BUNDLES)
    bundles: int = parser.parse_args().bundles
    run_id = new_id()
    made = volume(run_id, bundles)
    body = frames([rows_of(made, PACK, shard) for shard in shards_of(made, PACK)])
    bare, ours, rebuilt, above = list[float](), list[float](), list[float](), list[int]()
    with (
        start_postgres() as server,
        fresh_database(server) as dsn,
        serving(dsn) as (http, process),
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        load(http, run_id, body)
        rows = {table: copy_out(connection, table) for table in TABLES}
        for _ in range(ROUNDS):
            empty(connection)
            bare.append(timed(lambda: copy_in(connection, rows)))
            empty(connection)
            with watching(process) as risen:
                ours.append(timed(lambda: load(http, run_id, body)))
            above += risen
            empty(connection)
            rebuilt.append(timed(lambda: copy_in(connection, rows, aside=True)))
        empty(connection)
        with others(str(http.base_url)) as seconds:
            load(http, run_id, body)
    count = 5 * bundles
    print(f"{count:,} rows into five tables with 16 indexes and 6 foreign keys")
    print(f"{'binary COPY, bare':36}{count / min(bare):>12,.0f} rows/s")
    print(f"{'the target, over HTTP':36}{count / min(ours):>12,.0f} rows/s  {min(bare) / min(ours):.2f} x")
    print(f"{'binary COPY, all built anew':36}{count / min(rebuilt):>12,.0f} rows/s  {min(bare) / min(rebuilt):.2f} x")
    print(f"target's memory above idle: {max(above) / 1e6:,.0f} MB; body {sum(map(len, body)) / 1e6:,.0f} MB")
    told = sorted(1000 * each for each in seconds)
    print(f"{len(told)} seeds of others meanwhile: median {told[len(told) // 2]:.0f} ms, worst {told[-1]:.0f} ms")


def empty(connection: psycopg.Connection) -> None:
    """As it was before any run."""
    for statement in EMPTY.split(";"):
        connection.execute(statement.encode())


def timed(work: Callable[[], None]) -> float:
    """The seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
