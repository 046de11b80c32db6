"""How fast a million claims leave the target and come back, beside pg_dump and pg_restore. `make bench` runs it.

All four carry the same seven tables, with their parents, indexes and foreign keys, on the same PostgreSQL. Prints
rows per second, the two ratios, and how far the target's memory rises above its idle state.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg

from infra.local_stack.postgres import binaries
from tests.postgres import fresh_database, start_postgres

CLAIMS = 1_000_000
ROUNDS = 3
TOKEN = "the-service-token"
TABLES = tuple(
    f"--table={name}"
    for name in ("plan", "provider", "member", "eligibility", "procedure_code", "diagnosis_code", "claim")
)
FILL = f"""
INSERT INTO plan SELECT 'plan-' || n, 'FAKE_Plan ' || n, 'ppo', '2026-01-01', 'run-' || n
    FROM generate_series(1, 100) AS n;
INSERT INTO provider SELECT 'prov-' || n, 'FAKE_Clinic ' || n, 'in_network', 'FAKE_' || n, 'run-' || n
    FROM generate_series(1, 10000) AS n;
INSERT INTO member SELECT 'm-' || n, 'active', 'FAKE_Alice', 'FAKE_Smith', '1990-04-12', '12 FAKE_Elm Street',
    'FAKE_Town', 'ZZ', '00000', 'plan-' || 1 + mod(n, 100), 'run-' || n FROM generate_series(1, 100000) AS n;
INSERT INTO eligibility SELECT 'elig-' || n, 'm-' || n, '2026-01-01', '2026-12-31', 'active', 'run-' || n
    FROM generate_series(1, 100000) AS n;
INSERT INTO claim SELECT 'claim-01JX0000000000' || n, 'm-' || 1 + mod(n, 100000), 'prov-' || 1 + mod(n, 10000),
    '99213', 'R51', 'denied', timestamptz '2026-01-01' + n * interval '1 s', 'invalid, or so', 'run-' || n / 5
    FROM generate_series(1, {CLAIMS}) AS n;
"""


def run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools."""
    subprocess.run([str(binaries() / program), *arguments], check=True, stdout=subprocess.DEVNULL)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def serving(dsn: str) -> Generator[tuple[httpx2.Client, psutil.Process]]:
    """A target on the database, in a process of its own, with a client that shows the service token."""
    port = str(free_port())
    settings = {"TARGET_DATABASE_URL": dsn, "TARGET_SERVICE_TOKEN": TOKEN, "TARGET_PORT": port}
    process = subprocess.Popen([sys.executable, "-m", "target_healthcare", "serve"], env=os.environ | settings)
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=120,
            transport=httpx2.HTTPTransport(retries=8),
        ) as http:
            http.get("/health").raise_for_status()
            yield http, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def resident(process: psutil.Process) -> int:
    """Bytes of memory of a process and those it has started."""
    pages = 0
    for each in (process, *process.children(recursive=True)):
        pages += int(Path(f"/proc/{each.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watching(process: psutil.Process) -> Generator[list[int]]:
    """Sample the memory of a process while the block runs; yields its bytes above the first sample, growing."""
    idle, done = resident(process), threading.Event()
    above: list[int] = [0]

    def watch() -> None:
        while not done.wait(0.02):
            above.append(resident(process) - idle)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield above
    finally:
        done.set()
        thread.join()


def snapshot(http: httpx2.Client, path: Path) -> None:
    with http.stream("GET", "/internal/database") as response, path.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            file.write(chunk)


def restore(http: httpx2.Client, path: Path, version: str) -> None:
    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(1 << 18):
                yield chunk

    params = {"schema_version": version}
    response = http.put("/internal/database", params=params, content=chunks())
    response.raise_for_status()
    assert response.json()["row_counts"]["claim"] == CLAIMS


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(took: Mapping[str, Sequence[float]]) -> None:
    """Print rows per second of the best of each, and the two ratios."""
    rows = CLAIMS + 210_108
    best = {title: min(times) for title, times in took.items()}
    for title, times in took.items():
        told = ", ".join(f"{time_:.2f}" for time_ in times)
        print(f"{title:<12} {best[title]:6.2f} s   {rows / best[title]:9,.0f} rows/s   all: {told}")
    print(f"snapshot at {best['pg_dump -Fc'] / best['snapshot']:.2f} x pg_dump -Fc", end=", ")
    print(f"restore at {best['pg_restore'] / best['restore']:.2f} x pg_restore")


def main() -> None:
    """Measure, alternating, and print the best of each."""
    took: dict[str, list[float]] = {"pg_dump -Fc": [], "snapshot": [], "pg_restore": [], "restore": []}
    with tempfile.TemporaryDirectory(prefix="atdm-bench-") as name, start_postgres() as server:
        folder = Path(name)
        dump, frames = folder / "dump", folder / "frames"
        with fresh_database(server) as dsn, serving(dsn) as (http, process):
            with psycopg.connect(dsn) as connection:
                connection.execute(FILL.encode())
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            version = http.get("/health").json()["schema_version"]
            with watching(process) as above:
                for _ in range(ROUNDS):
                    took["pg_dump -Fc"].append(seconds(lambda: run("pg_dump", "-Fc", *TABLES, "-f", str(dump), dsn)))
                    took["snapshot"].append(seconds(lambda: snapshot(http, frames)))
                    with fresh_database(server) as other:
                        took["pg_restore"].append(seconds(lambda: run("pg_restore", "-d", other, str(dump))))
                    took["restore"].append(seconds(lambda: restore(http, frames, version)))
    report(took)
    print(f"memory of the target: at most {max(above) / 1e6:.0f} MB above idle")


if __name__ == "__main__":
    main()
