"""How the command ends where it does not end well."""

from typing import Final

__all__ = ["INTERRUPTED", "REFUSED", "UNREACHABLE", "USAGE"]

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130
