"""Commands that other packages bring to the `atdm` program, by entry points of the group `atdm.commands`.

Each is a function with keyword arguments and a docstring, as commands here are, that also takes `output`, the form of
the answer, and returns an exit code. It asks no API of ours.
"""

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated, Final

from cyclopts import App, Parameter

from atdm.errors import AtdmSettingsError

__all__ = ["add_commands_of_others"]

_GROUP: Final = "atdm.commands"
_PACKAGE_OF: Final = {"checkpoint": "atdm-server", "pack": "atdm-ddl", "verify": "atdm-server"}
"""The commands of packages of ours; where one is not installed, its commands say so."""
_TOLD: Final = Parameter(negative="", show_default=False, parse=re.compile(r"^(?!output$)"))
"""They are told `output`, which may be said before the command as well, and have no such option."""


def add_commands_of_others(app: App) -> list[str]:
    """Add them all; the names of those that are installed. A command is loaded when it is called."""
    installed = {entry.name: entry.value for entry in entry_points(group=_GROUP)}
    for name, function in installed.items():
        app.command(function, name=name, default_parameter=_TOLD, help_epilogue="")
    for name in _PACKAGE_OF.keys() - installed.keys():
        app.command(_missing(name), name=name, default_parameter=_TOLD, help_epilogue="")
    return list(installed)


def _missing(name: str) -> Callable[..., int]:
    package = _PACKAGE_OF[name]

    def missing(*_: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)], output: str) -> int:  # noqa: ARG001
        raise AtdmSettingsError(f"`atdm {name}` comes with {package}; install it beside this program")

    missing.__doc__ = f"Comes with {package}, which is not installed here."
    return missing
