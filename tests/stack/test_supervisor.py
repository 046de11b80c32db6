"""Starting, stopping and never leaving anything behind, with stand-ins for the parts."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.local_stack.errors import PartFailed
from infra.local_stack.part import Part, RunningPart, answers
from infra.local_stack.stack import free_ports
from infra.local_stack.supervisor import Supervisor
from tests.stack.processes import alive, wait_until

STAND_IN = Path(__file__).with_name("stand_in.py")
ROOT = Path(__file__).parents[2]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's death signal and subreaper")


class Journal:
    """What the stand-ins wrote, in order."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> list[list[str]]:
        """Name, event and pid of each entry."""
        return [line.split() for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def events(self) -> list[str]:
        """The entries as `name event`, grandchildren left out."""
        return [f"{name} {event}" for name, event, _ in self.lines() if event != "grandchild"]

    def pids(self) -> set[int]:
        """Every process that was ever noted."""
        return {int(pid) for _, _, pid in self.lines()}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(tmp_path / "journal")


@pytest.fixture
def supervisor(tmp_path: Path) -> Generator[Supervisor]:
    """A supervisor that stops what it runs after the test."""
    found = Supervisor(lambda name: tmp_path / f"{name}.log")
    yield found
    found.stop()


def stand_in(name: str, journal: Journal, *options: str, grace: float = 5.0) -> Part:
    """A part whose program is the stand-in, on a port of its own."""
    [port] = free_ports(1)
    command = (sys.executable, str(STAND_IN), name, str(port), str(journal.file), *options)
    return Part(name, command, lambda: answers(f"http://127.0.0.1:{port}/health"), grace=grace)


def test_a_part_starts_once_the_one_before_is_ready_and_stops_before_it(
    supervisor: Supervisor, journal: Journal
) -> None:
    """Parts start in order, each behind the health check of the one before, and stop in reverse."""
    supervisor.start(stand_in("first", journal, "--ready-after", "0.3"))
    supervisor.start(stand_in("second", journal))
    supervisor.stop()

    assert journal.events() == [
        "first started",
        "first ready",
        "second started",
        "second ready",
        "second asked_to_stop",
        "first asked_to_stop",
    ]
    assert not alive(journal.pids())


def test_a_part_that_ends_early_shows_its_last_words_and_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    """A program that ends before it is ready is reported with its status, its output and its log."""
    part = Part("broken", (sys.executable, "-c", "print('no such table'); raise SystemExit(3)"), lambda: False)

    with pytest.raises(PartFailed) as failure:
        supervisor.start(part)

    message = str(failure.value)
    assert "broken ended with status 3 before it was ready" in message
    assert "no such table" in message
    assert str(tmp_path / "broken.log") in message


def test_a_program_that_does_not_exist_is_named(supervisor: Supervisor) -> None:
    """A command that cannot be run fails at once instead of waiting for its health."""
    with pytest.raises(PartFailed, match="could not be run"):
        supervisor.start(Part("ghost", ("/no/such/program",), lambda: False))


def test_a_part_that_will_not_stop_is_killed_with_its_offspring(supervisor: Supervisor, journal: Journal) -> None:
    """After its grace a program is killed, and so is a grandchild that left its process group."""
    supervisor.start(stand_in("stubborn", journal, "--stubborn", grace=0.2))

    supervisor.stop()

    assert journal.events()[-1] == "stubborn asked_to_stop"
    assert not alive(journal.pids())


def test_one_part_is_stopped_and_started_again(supervisor: Supervisor, journal: Journal) -> None:
    """A single part can go away and come back while the others keep running."""
    supervisor.start(stand_in("first", journal))
    supervisor.start(stand_in("second", journal))
    before = supervisor.pids()

    supervisor.stop_part("first")
    assert set(supervisor.ended()) == {"first"}
    supervisor.restart_part("first")

    assert supervisor.ended() == {}
    assert supervisor.pids()["first"] != before["first"]
    assert supervisor.pids()["second"] == before["second"]


def test_sigkill_of_the_supervisor_leaves_no_process(tmp_path: Path, journal: Journal) -> None:
    """When the supervising process is killed outright, its parts end, their grandchildren included."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_TWO, str(tmp_path), str(journal.file)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    with holder.stdout as announced:
        assert announced.readline() == b"ready\n"
        assert len(alive(journal.pids())) == 4

        holder.kill()
        holder.wait()

    wait_until(lambda: not alive(journal.pids()), "the end of every process")
    assert "second asked_to_stop" in journal.events()


HOLD_TWO = """
import sys, signal
from pathlib import Path
from infra.local_stack.supervisor import Supervisor
from tests.stack.test_supervisor import Journal, stand_in
folder, journal = Path(sys.argv[1]), Journal(Path(sys.argv[2]))
supervisor = Supervisor(lambda name: folder / f"{name}.log")
supervisor.start(stand_in("first", journal, "--stubborn", grace=0.2))
supervisor.start(stand_in("second", journal))
print("ready", flush=True)
signal.pause()
"""


@on_linux
def test_sigkill_of_a_guard_ends_its_program(tmp_path: Path, journal: Journal) -> None:
    """A program follows its guard into death, so that even a `pkill -9` that hits both leaves nothing."""
    part = stand_in("orphan", journal)
    running = RunningPart(part, tmp_path / "orphan.log", os.environ)
    running.wait_until_ready()

    os.kill(running.guard_pid, signal.SIGKILL)

    wait_until(lambda: running.pid not in alive([running.pid]), "the end of the program")
    assert running.ended is not None
    for pid in alive(journal.pids()):
        os.kill(pid, signal.SIGKILL)  # the grandchild had left its session: only a living guard finds it
    running.stop()
