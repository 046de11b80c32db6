"""What can keep the stack from running. Every message says what to do; the command prints it and exits 1.

StackError
+-- HomeBusy             another stack holds the folder
+-- NotRunning           no stack runs in the folder
+-- PartFailed           a program did not become ready
+-- PortTaken            somebody else listens on a port
+-- PostgresUnavailable  PostgreSQL cannot be prepared on this machine
+-- SettingInvalid       an environment variable holds nonsense
"""

from pathlib import Path


class StackError(Exception):
    """Any reason why the stack cannot do what it was asked."""


class HomeBusy(StackError):
    """Another stack holds this home."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"a stack already uses {folder}; `make down` stops it, ATDM_HOME chooses another folder")


class NotRunning(StackError):
    """No stack runs in this home."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no stack runs in {folder}; `make up` starts one")


class PartFailed(StackError):
    """A part did not become ready; the message carries the last lines of its log and where the log lies."""

    def __init__(self, name: str, reason: str, log: Path, lines: list[str]) -> None:
        shown = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        super().__init__(f"{name} {reason}. The end of {log}:\n{shown}")
        self.name = name
        self.log = log


class PortTaken(StackError):
    """Somebody else listens on the port that `variable` chose, or its default."""

    def __init__(self, port: int, variable: str) -> None:
        super().__init__(f"port {port} is taken; set {variable} to a free one")


class PostgresUnavailable(StackError):
    """PostgreSQL cannot be prepared on this machine."""


class SettingInvalid(StackError):
    """An environment variable does not hold what it should."""
