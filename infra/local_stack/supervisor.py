"""Runs parts in the order they are started and stops them in reverse."""

import os
from collections.abc import Callable
from pathlib import Path

from infra.local_stack.part import Part, RunningPart


class Supervisor:
    """The running parts of one stack, by name."""

    def __init__(self, log_of: Callable[[str], Path], hold: int | None = None) -> None:
        """`log_of` names the log file of a part; `hold` is inherited by the guards (see `RunningPart`)."""
        self._log_of = log_of
        self._hold = hold
        self._running: dict[str, RunningPart] = {}

    def start(self, part: Part) -> None:
        """Start a part with a fresh log and wait until it is ready; raises `PartFailed`, see `stop`."""
        self._log_of(part.name).unlink(missing_ok=True)
        self._run(part)

    def stop(self) -> None:
        """Stop all parts, the last started first."""
        while self._running:
            self._running.popitem()[1].stop()

    def stop_part(self, name: str) -> None:
        """Stop one part; the others do not notice until they call it."""
        self._running[name].stop()

    def restart_part(self, name: str) -> None:
        """Start a part that was stopped or has ended; it keeps its place in the order and its log goes on."""
        self._running[name].stop()
        self._run(self._running[name].part)

    def pids(self) -> dict[str, int]:
        """The process id of every part that was started."""
        return {name: running.pid for name, running in self._running.items()}

    def ended(self) -> dict[str, int]:
        """The parts that have ended on their own or were stopped, with their exit status."""
        found = {name: running.ended for name, running in self._running.items()}
        return {name: status for name, status in found.items() if status is not None}

    def _run(self, part: Part) -> None:
        running = RunningPart(part, self._log_of(part.name), os.environ, self._hold)
        self._running[part.name] = running  # before the wait, so that `stop` ends a part that never gets ready
        running.wait_until_ready()
