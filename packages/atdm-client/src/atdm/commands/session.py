"""What commands that ask the API work with, and how they show what it answers."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from atdm import display
from atdm.client import AtdmClient

__all__ = ["CleanupToken", "InSession", "OutputFormat", "Session"]

Answer = TypeVar("Answer")
OutputFormat = Literal["human", "json"]


@dataclass(frozen=True)
class Session:
    """What every command works with: the client, and the form the user wants answers in."""

    client: AtdmClient
    output: OutputFormat

    @contextmanager
    def waiting(self, what: str) -> Generator[AtdmClient]:
        """The client; a person at a terminal sees what is being waited for, and for how long."""
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        silent = self.output == "json" or not sys.stderr.isatty()
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=silent) as progress:
            _ = progress.add_task(what, total=None)
            yield self.client

    def show(self, answer: Answer, draw: Callable[[Console, Answer], None]) -> None:
        """Print the API's answer as it came, or let `draw` tell it to a person."""
        if self.output == "json":
            _ = sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        else:
            draw(display.open_console(), answer)


InSession = Annotated[Session, Parameter(parse=False)]

# Tokens are URL-safe base64: one in 64 begins with a hyphen and is no option for that.
CleanupToken = Annotated[str, Parameter(allow_leading_hyphen=True)]
