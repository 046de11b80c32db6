"""A stack that outlives the command that started it: `up`, `down`, and what the supervisor itself runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from infra.local_stack.errors import NotRunning, StackError
from infra.local_stack.home import Home, StackRecord
from infra.local_stack.part import last_lines
from infra.local_stack.stack import Settings, Stack, running_stack

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.02
WATCH_SECONDS = 1.0


class Stopped(BaseException):
    """Somebody asked the supervisor to stop; not an error, so nothing that handles errors may catch it."""


def up(settings: Settings) -> tuple[StackRecord, bool]:
    """Bring the stack up in the background; returns what runs and whether this call started it.

    Raises `StackError` with the supervisor's own words when a part does not become ready.
    """
    home = Home(settings.home)
    running = settled(home)
    if running is not None:
        return running, False
    home.prepare()
    log = home.log("supervisor")
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "infra.local_stack", "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env={**os.environ, "ATDM_HOME": str(home.folder)},
            start_new_session=True,
        )
    try:
        wait_until(lambda: supervisor.poll() is not None or (home.supervisor() == supervisor.pid and home.is_ready()))
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        raise
    record = home.read_record()
    if supervisor.poll() is not None or record is None:
        raise StackError("\n".join(last_lines(log, 60)).removeprefix("error: "))
    return record, True


def settled(home: Home) -> StackRecord | None:
    """The stack that runs in a home, or None; waits for one that is just starting, stopping or dying."""
    wait_until(lambda: not home.in_use() or (home.supervisor() is not None and home.is_ready()))
    return home.read_record() if home.in_use() else None


def down(home: Home) -> bool:
    """Stop the stack of a home and wait until its last program has ended; False when none ran."""
    if not home.in_use():
        home.record.unlink(missing_ok=True)
        return False
    supervisor = home.supervisor()
    if supervisor is not None:
        os.kill(supervisor, signal.SIGTERM)
    wait_until(lambda: not home.in_use())
    return True


def require_running(home: Home) -> StackRecord:
    """What runs in a home; raises `NotRunning`."""
    record = home.read_record() if home.in_use() else None
    if record is None:
        raise NotRunning(home.folder)
    return record


def run(settings: Settings, announce: Callable[[StackRecord], None]) -> None:
    """Run the stack in this process until it is asked to stop by SIGTERM, SIGINT or a closing terminal."""

    def stop(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # once is enough: stopping must not be interrupted
        raise Stopped

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        with running_stack(settings) as stack:
            announce(stack.record())
            watch(stack)
    except Stopped:
        pass


def watch(stack: Stack) -> NoReturn:
    """Say when a part ends by itself. The others keep running: whoever debugs one wants to look at them."""
    reported: set[str] = set()
    while True:
        for name, status in stack.ended().items():
            if name not in reported:
                log = stack.home.log(name)
                print(
                    f"{name} ended with status {status}; see {log}; `make down up` starts it again",
                    flush=True,
                )
                reported.add(name)
        time.sleep(WATCH_SECONDS)


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; raises `StackError` when it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"the stack did not settle within {PATIENCE_SECONDS:.0f} s; see `make logs`")
        time.sleep(POLL_SECONDS)
