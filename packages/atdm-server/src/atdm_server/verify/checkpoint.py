"""Checkpoints: how far every log and every trail had come at one moment, kept where the store's owner cannot reach.

A text file, one JSON object a line: a line that begins it, a line for each log and each run, a line that ends it.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
from msgspec import Struct

from atdm_core.errors import AtdmError

__all__ = [
    "CheckpointInvalid",
    "CheckpointWriter",
    "End",
    "Heading",
    "LogHead",
    "RunHead",
    "read_checkpoint",
]


class CheckpointInvalid(AtdmError):
    """The file is no checkpoint, or not a whole one."""

    code = "CHECKPOINT_INVALID"


class Heading(Struct, frozen=True, tag="checkpoint", tag_field="kind"):
    """The first line: which store, and when."""

    store: str
    taken_at: datetime
    version: int = 1


class LogHead(Struct, frozen=True, tag="log", tag_field="kind"):
    """How many segments a process log had, and the SHA-256 (hex) of the last."""

    log_id: str
    segments: int
    sha256: str


class RunHead(Struct, frozen=True, tag="run", tag_field="kind"):
    """How many entries a trail had, and the hash (hex) of the last."""

    run_id: str
    entries: int
    head: str


class End(Struct, frozen=True, tag="end", tag_field="kind"):
    """The last line: how many lines stand before it, so that a checkpoint that lost its own end is noticed."""

    lines: int


_Line: TypeAlias = Heading | LogHead | RunHead | End


class CheckpointWriter:
    """Writes a checkpoint into a file, line by line as they become known."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines = 0
        self.logs = 0
        self.runs = 0

    def write(self, line: Heading | LogHead | RunHead) -> None:
        """The next line."""
        self._put(line)
        self._lines += 1
        self.logs += isinstance(line, LogHead)
        self.runs += isinstance(line, RunHead)

    def end(self) -> None:
        """The last line."""
        self._put(End(self._lines))

    def _put(self, line: _Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")


def read_checkpoint(path: Path) -> Iterator[LogHead | RunHead]:
    """The heads in a checkpoint file, one by one; `CheckpointInvalid` once it turns out to be none, or not whole."""
    decoder = msgspec.json.Decoder(_Line)
    last: _Line | None = None
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file):
                last = decoder.decode(text)
                if isinstance(last, Heading) != (number == 0) or (isinstance(last, End) and last.lines != number):
                    raise CheckpointInvalid(f"{path}, line {number + 1}: this is no whole checkpoint of one moment")
                if isinstance(last, LogHead | RunHead):
                    yield last
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointInvalid(
            f"{path} cannot be read as a checkpoint: {error}; `atdm checkpoint` writes one"
        ) from error
    if not isinstance(last, End):
        raise CheckpointInvalid(f"{path} ends too early: it lost lines since `atdm checkpoint` wrote it")
