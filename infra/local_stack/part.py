"""One part of the stack: a program, how to tell that it is ready, and how to end it for certain."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from infra.local_stack.errors import PartFailed

GUARD = Path(__file__).with_name("guard.py")
POLL_SECONDS = 0.02
START_SECONDS = 60.0
LOG_LINES = 20


@dataclass(frozen=True)
class Part:
    """What it takes to run one program of the stack.

    `is_ready` asks the program itself and must not block for more than a second or two. `grace` is how many
    seconds the program has to stop after `stop_signal` before it is killed.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    stop_signal: int = 15
    grace: float = 12.0
    account: str | None = None


class RunningPart:
    """A started part. Its program lives no longer than this process: the guard between them sees to that."""

    def __init__(self, part: Part, log: Path, environment: Mapping[str, str], hold: int | None = None) -> None:
        """Start the program under its guard, writing to `log`; does not wait until it is ready.

        `hold` is a file descriptor that stays open until the program has ended, the guard's own copy
        outliving this process: an advisory lock on it is held for just as long.
        """
        self.part = part
        self.log = log
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                guarded(part),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**environment, **part.environment},
                start_new_session=True,
                pass_fds=() if hold is None else (hold,),
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as announced:
            line = announced.readline()
        if not line:
            raise self._failed("could not be run")
        self.pid = int(line)

    def wait_until_ready(self) -> None:
        """Return once the health check passes; raises `PartFailed` if the program ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self.part.is_ready():
            status = self._guard.poll()
            if status is not None:
                raise self._failed(f"ended with status {status} before it was ready")
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready after {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    @property
    def guard_pid(self) -> int:
        """The process between this one and the program."""
        return self._guard.pid

    @property
    def ended(self) -> int | None:
        """The exit status of a program that has ended, or None while it runs."""
        return self._guard.poll()

    def wait(self) -> int:
        """Wait for a program that ends by itself; returns its exit status."""
        return self._guard.wait()

    def stop(self) -> None:
        """End the program and everything it started; returns when all of it is gone."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        try:
            self._guard.wait(self.part.grace + 5)
        except subprocess.TimeoutExpired:  # the guard itself is stuck or stopped; its program follows it
            self._guard.kill()
            self._guard.wait()

    def _failed(self, reason: str) -> PartFailed:
        return PartFailed(self.part.name, reason, self.log, last_lines(self.log, LOG_LINES))


def guarded(part: Part) -> list[str]:
    """The command line that runs a part's program under its guard."""
    account = [] if part.account is None else ["--account", part.account]
    options = ["--stop-signal", str(part.stop_signal), "--grace", str(part.grace), *account]
    return [sys.executable, "-I", "-S", str(GUARD), *options, "--", *part.command]


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200 within two seconds; never goes through a proxy."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def last_lines(log: Path, count: int) -> list[str]:
    """At most `count` lines from the end of a log, none when there is no such file."""
    if not log.exists():
        return []
    return log.read_text(errors="replace").splitlines()[-count:]
