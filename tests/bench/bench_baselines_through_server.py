"""How fast a million claims become a baseline and come back, by the whole path: client, server, target, store.

Beside pg_dump and pg_restore of the same tables on the same PostgreSQL. Prints rows per second, the two ratios, and
how far the memory of server and target rises above their idle state. `make bench` runs it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg

from atdm.client import AtdmClient
from tests.bench.bench_baselines import (
    FILL,
    ROUNDS,
    TABLES,
    TOKEN,
    free_port,
    report,
    run,
    seconds,
    serving,
    watching,
)
from tests.postgres import fresh_database, start_postgres

API_TOKEN = "the-token-of-the-api"


@contextmanager
def serving_api(target_url: str, folder: Path) -> Generator[tuple[AtdmClient, psutil.Process]]:
    """A server in front of the target, its store on local disk, in a process of its own, with a client."""
    port = free_port()
    settings = {
        "ATDM_API_TOKEN": API_TOKEN,
        "ATDM_TARGET_URL": target_url,
        "ATDM_TARGET_TOKEN": TOKEN,
        "ATDM_STORE_URL": (folder / "objects").as_uri(),
        "ATDM_SERVER_KEY": "the-key-of-the-server",
        "ATDM_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "atdm_server"], env=os.environ | settings)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, transport=httpx2.HTTPTransport(retries=8)) as http:
            http.get("/health").raise_for_status()
        with AtdmClient(api_url=url, api_token=API_TOKEN) as client:
            yield client, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Measure, alternating, and print the best of each."""
    took: dict[str, list[float]] = {"pg_dump -Fc": [], "snapshot": [], "pg_restore": [], "restore": []}
    with (
        tempfile.TemporaryDirectory(prefix="atdm-bench-") as name,
        start_postgres() as postgres,
        fresh_database(postgres) as dsn,
        serving(dsn) as (target, target_process),
        serving_api(str(target.base_url), Path(name)) as (client, server_process),
    ):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(FILL.encode())
            connection.execute("VACUUM ANALYZE")
        dump = Path(name) / "dump"
        with watching(target_process) as target_above, watching(server_process) as server_above:
            for number in range(ROUNDS):
                baseline = f"round-{number}"
                took["pg_dump -Fc"].append(seconds(lambda: run("pg_dump", "-Fc", *TABLES, "-f", str(dump), dsn)))
                took["snapshot"].append(seconds(lambda: client.baseline_snapshot(baseline)))  # noqa: B023 - called here
                with fresh_database(postgres) as other:
                    took["pg_restore"].append(seconds(lambda: run("pg_restore", "-d", other, str(dump))))
                took["restore"].append(seconds(lambda: client.baseline_restore(baseline)))  # noqa: B023
    report(took)
    for title, above in (("server", server_above), ("target", target_above)):
        print(f"memory of the {title}: at most {max(above) / 1e6:.0f} MB above idle")


if __name__ == "__main__":
    main()
