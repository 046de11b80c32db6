"""The commands as real processes: granian, signals and all."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.stack.processes import alive, descendants, wait_until
from tests.unit.target_healthcare.bundles import seed_body
from tests.unit.target_healthcare.conftest import TOKEN

COMMAND = [sys.executable, "-m", "target_healthcare"]


def environment(dsn: str, **more: str) -> dict[str, str]:
    """The environment of a target on this database, and nothing of another target."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TARGET_")}
    return inherited | {"TARGET_DATABASE_URL": dsn, "TARGET_SERVICE_TOKEN": TOKEN} | more


def run(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run([*COMMAND, command], env=env, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def serving(env: dict[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """Start the server and wait for its log to say that its workers run."""
    with log.open("wb") as output:
        process = subprocess.Popen([*COMMAND, "serve"], env=env, stdout=output, stderr=output)
    try:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=8)) as client:
            client.get(f"http://127.0.0.1:{env['TARGET_PORT']}/health", timeout=20)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def port() -> str:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_migrates_answers_and_stops(empty_database: str, port: str, workers: str, tmp_path: Path) -> None:
    """From an empty database to a seeded run; SIGTERM ends it with 0 and leaves no process."""
    log = tmp_path / "log"
    env = environment(empty_database, TARGET_PORT=port, TARGET_WORKERS=workers)
    with (
        serving(env, log) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}) as client,
    ):
        assert client.get("/health").json()["database"] == "ok"
        assert client.put("/internal/runs/r", json=seed_body("r")).status_code == 201
        assert client.get("/members/m-r").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    text = log.read_text()
    assert "0001_atdm_run.sql, 0002_expiry.sql, 0003_run_row.sql, 0004_taken_back.sql, 0001_init.sql" in text
    assert text.count("Stopped worker") == int(workers)
    assert TOKEN not in text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_workers_end_with_a_parent_that_was_killed(empty_database: str, port: str, tmp_path: Path) -> None:
    """Nobody can stop a process that is killed from outside; its workers see it, and leave the port."""
    env = environment(empty_database, TARGET_PORT=port, TARGET_WORKERS="3")
    with serving(env, tmp_path / "log") as process:
        workers = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(workers), "the end of the workers")

    assert len(workers) >= 3
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_migrate_says_what_it_did(empty_database: str) -> None:
    """The first time it lists the files, the second time that all are in place."""
    first, second = run("migrate", environment(empty_database)), run("migrate", environment(empty_database))

    assert (first.returncode, second.returncode) == (0, 0)
    assert "0001_init.sql" in first.stdout
    assert "none, all are in place" in second.stdout


def test_a_taken_port_is_one_line(empty_database: str) -> None:
    """It names the port and the variable that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", environment(empty_database, TARGET_PORT=port))

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port} cannot be used" in result.stderr
    assert "TARGET_PORT" in result.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TARGET_SERVICE_TOKEN": ""}, "TARGET_SERVICE_TOKEN is not set"),
        ({"TARGET_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "TARGET_DATABASE_URL cannot be used"),
        ({"TARGET_DATABASE_URL": "mysql://u:hidden@x"}, "TARGET_DATABASE_URL cannot be read; set it"),
        ({"TARGET_MIGRATIONS": "nowhere"}, "there is no folder nowhere"),
    ],
)
def test_what_is_missing_is_one_line(empty_database: str, change: dict[str, str], words: str) -> None:
    """A missing token, an unreachable database, no migrations: one line on stderr and exit 1."""
    result = run("serve", environment(empty_database, **change))

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert "hidden" not in result.stderr
