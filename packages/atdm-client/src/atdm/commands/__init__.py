"""The commands of the `atdm` program that ask the API."""

from atdm.commands.runs import commands as run_commands
from atdm.commands.session import OutputFormat, Session
from atdm.commands.target import commands as target_commands

__all__ = ["OutputFormat", "Session", "run_commands", "target_commands"]
