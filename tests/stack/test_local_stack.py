"""The real stack, as `make up` and its siblings run it: PostgreSQL, the target and the server."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import httpx2
import psycopg
import pytest

from infra.local_stack import local_stack
from infra.local_stack.errors import HomeBusy
from infra.local_stack.home import Home
from infra.local_stack.stack import free_ports
from tests.stack.processes import alive, descendants, wait_until

ROOT = Path(__file__).parents[2]


class Command:
    """`python -m infra.local_stack` with a home and ports of its own."""

    def __init__(self, home: Path) -> None:
        target_port, api_port = free_ports(2)
        outside = {"TARGET_DATABASE_URL", "ATDM_STORE_URL"}
        self.environment = {name: value for name, value in os.environ.items() if name not in outside}
        self.environment |= {
            "ATDM_HOME": str(home),
            "TARGET_PORT": str(target_port),
            "ATDM_PORT": str(api_port),
        }
        self.home = Home(home)

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "infra.local_stack", *words],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def supervisor(self) -> int:
        """The pid of the running supervisor."""
        found = self.home.supervisor()
        assert found is not None
        return found

    def tree(self) -> set[int]:
        """Every process of the running stack."""
        return {self.supervisor(), *descendants(self.supervisor())}


@pytest.fixture
def command(tmp_path: Path) -> Generator[Command]:
    """A command whose stack, if any, is stopped after the test."""
    found = Command(tmp_path / "home")
    yield found
    assert found("down-clean").returncode == 0
    assert not found.home.folder.exists()


def test_up_publishes_a_stack_that_answers_and_down_ends_all_of_it(command: Command) -> None:
    """`up` returns when everything is ready, tells where it is, and `down` leaves no process and no record."""
    up = command("up")

    assert up.returncode == 0, up.stderr
    record = command.home.read_record()
    assert record is not None
    assert record.api_url in up.stdout
    assert record.target_url in up.stdout
    assert record.api_token not in up.stdout
    assert httpx2.get(f"{record.api_url}/health/ready").status_code == 200
    assert httpx2.get(f"{record.target_url}/health").status_code == 200
    with psycopg.connect(record.postgres_dsn) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert command("smoke").returncode == 0
    assert command("ps").stdout.count(" ready ") == 3

    tree = command.tree()
    assert {record.pids.server, record.pids.target, record.pids.postgres} < tree
    down = command("down")

    assert down.returncode == 0
    assert not alive(tree)
    assert not command.home.record.exists()
    assert "no stack runs" in command("down").stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Command]:
    """A stack that is up, for tests that only look at it."""
    found = Command(tmp_path_factory.mktemp("running") / "home")
    assert found("up").returncode == 0
    yield found
    assert found("down").returncode == 0


def test_what_the_stack_writes_is_private(running: Command) -> None:
    """The home, the record and the secrets are readable by their owner only."""
    folder = running.home.folder
    secrets = {file.name: file.stat().st_mode & 0o777 for file in (folder / "secrets").iterdir()}

    assert folder.stat().st_mode & 0o077 == 0
    assert running.home.record.stat().st_mode & 0o777 == 0o600
    assert secrets == {"api_token": 0o600, "server_key": 0o600, "target_token": 0o600}


def test_the_record_has_the_fields_of_the_contract(running: Command) -> None:
    """`stack.json` holds what programs outside rely on, under the names they know."""
    record = json.loads(running.home.record.read_text())

    assert list(record) == [
        "api_url", "target_url", "api_token", "target_token", "postgres_dsn", "object_store_url", "pids",
    ]  # fmt: skip
    assert list(record["pids"]) == ["server", "target", "postgres"]


def test_a_second_up_says_that_it_already_runs(running: Command) -> None:
    """Bringing a running stack up again changes nothing, says so, and succeeds."""
    before = running.home.record.read_text()

    again = running("up")

    assert again.returncode == 0
    assert again.stdout.startswith("the stack already runs")
    assert running.home.record.read_text() == before


def test_a_second_stack_in_the_same_home_is_refused(running: Command) -> None:
    """Two stacks never share a folder."""
    with pytest.raises(HomeBusy, match="a stack already uses"), local_stack(running.home.folder):
        pass


def test_the_stack_does_not_belong_to_the_terminal_that_started_it(running: Command) -> None:
    """The supervisor leads a session of its own, so that closing a terminal does not reach it."""
    assert os.getsid(running.supervisor()) == running.supervisor()


def test_sigkill_of_the_supervisor_leaves_nothing_and_the_next_up_keeps_the_data(command: Command) -> None:
    """After SIGKILL every process ends by itself; the next `up` finds no obstacle and the data in place."""
    assert command("up").returncode == 0
    record = command.home.read_record()
    assert record is not None
    with psycopg.connect(record.postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        tree = command.tree()
        os.kill(command.supervisor(), signal.SIGKILL)
    assert command.home.record.exists()

    assert command("up").returncode == 0

    assert not alive(tree)
    with psycopg.connect(record.postgres_dsn) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_record_of_dead_processes_is_no_obstacle(command: Command) -> None:
    """What a power cut leaves, a record and locks of processes long gone, is replaced by the next start."""
    assert command("up").returncode == 0
    record, supervisor = command.home.record.read_text(), command.home.supervisor_lock.read_text()
    assert command("down").returncode == 0
    command.home.record.write_text(record)
    command.home.supervisor_lock.write_text(supervisor)

    assert "no stack runs" in command("ps").stdout
    assert command("up").stdout.startswith("the stack is up")


@pytest.mark.parametrize("variable", ["TARGET_PORT", "ATDM_PORT"])
def test_a_taken_port_is_one_clear_line(command: Command, variable: str) -> None:
    """Somebody else's port is named together with the variable that chooses another, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        up = command("up", **{variable: str(port)})

    assert up.returncode == 1
    assert up.stdout == ""
    assert up.stderr == f"error: port {port} is taken; set {variable} to a free one\n"
    assert not command.home.in_use()


def test_a_port_that_is_no_number_is_refused(command: Command) -> None:
    """A port variable that holds nonsense is named."""
    up = command("up", TARGET_PORT="http")

    assert up.returncode == 1
    assert up.stderr == "error: TARGET_PORT is 'http'; it must be a port between 1 and 65535\n"


def test_a_part_that_fails_is_named_with_its_log_and_nothing_stays(command: Command, tmp_path: Path) -> None:
    """When a part cannot start, `up` says which, shows its words and its log, and stops what had started."""
    up = command("up", TARGET_DATABASE_URL=f"postgresql://nobody@/none?host={tmp_path}")

    assert up.returncode == 1
    assert up.stderr.startswith("error: target ended with status 1 before it was ready")
    assert "TARGET_DATABASE_URL cannot be used: connection" in up.stderr
    assert str(command.home.log("target")) in up.stderr
    assert not command.home.in_use()
    assert not command.home.postgres.exists()


def test_run_stays_in_the_foreground_until_it_is_interrupted(command: Command) -> None:
    """`run` prints where everything is and ends the stack on Ctrl-C."""
    words = [sys.executable, "-m", "infra.local_stack", "run"]
    with subprocess.Popen(words, cwd=ROOT, env=command.environment, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert f"http://127.0.0.1:{command.environment['ATDM_PORT']}/" in run.stdout.readline()
        wait_until(command.home.is_ready, "the record")
        tree = command.tree()
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 0

    assert not alive(tree)


def test_migrate_works_without_a_running_stack(command: Command) -> None:
    """`migrate` starts the database alone when nothing runs, and leaves nothing running."""
    first, again = command("migrate"), command("migrate")

    assert first.returncode == 0, first.stderr
    assert "0001" in first.stdout
    assert again.returncode == 0
    assert "none" in again.stdout
    assert not command.home.in_use()


def test_down_clean_leaves_what_it_did_not_write(command: Command) -> None:
    """Cleaning up deletes the stack's own files and nothing else, whatever folder ATDM_HOME points at."""
    command.home.prepare()
    precious = command.home.folder / "precious.txt"
    precious.write_text("mine")

    assert command("down-clean").returncode == 0

    assert [path.name for path in command.home.folder.iterdir()] == ["precious.txt"]
    precious.unlink()


def test_a_stack_in_a_with_block_loses_and_regains_its_target(tmp_path: Path) -> None:
    """Tests get a stack on free ports, even in a deep folder, and may take one part away and bring it back."""
    deep = tmp_path / ("deep" * 20) / "home"
    with local_stack(deep) as stack:
        ready = f"{stack.api_url}/health/ready"
        assert httpx2.get(ready).status_code == 200

        stack.stop_part("target")
        assert httpx2.get(ready).status_code == 503
        assert set(stack.ended()) == {"target"}

        stack.start_part("target")
        assert httpx2.get(ready).status_code == 200
        assert stack.home.read_record() == stack.record()
    assert not stack.home.in_use()
    assert not stack.home.sockets.exists()
