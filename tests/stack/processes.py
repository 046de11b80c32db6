"""Looking at real processes: who descends from whom, and whether they are gone."""

import time
from collections.abc import Callable, Iterable

import psutil

WAIT_SECONDS = 20.0


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, at this moment."""
    return {process.pid for process in psutil.Process(pid).children(recursive=True)}


def alive(pids: Iterable[int]) -> set[int]:
    """Those that still run."""
    return {pid for pid in pids if is_alive(pid)}


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie has ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; fails the test, saying what did not happen, after 20 seconds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {WAIT_SECONDS} s"
        time.sleep(0.02)
