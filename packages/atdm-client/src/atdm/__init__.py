"""The client side of ATDM: library, `atdm` command and pytest plugin."""

from typing import TYPE_CHECKING, cast

from atdm.errors import (
    AtdmClientError,
    AtdmExampleStale,
    AtdmSettingsError,
    AtdmUnexpectedAnswer,
    AtdmUnreachable,
)

if TYPE_CHECKING:
    from atdm.client import AsyncAtdmClient, AtdmClient

    __version__: str

__all__ = [
    "AsyncAtdmClient",
    "AtdmClient",
    "AtdmClientError",
    "AtdmExampleStale",
    "AtdmSettingsError",
    "AtdmUnexpectedAnswer",
    "AtdmUnreachable",
    "__version__",
]


def __getattr__(name: str) -> object:
    # Every pytest session imports this package for the plugin's sake, and the HTTP stack costs it a quarter of a
    # second: these names wait until someone asks for them.
    if name in {"AtdmClient", "AsyncAtdmClient"}:
        from atdm import client

        return cast("object", getattr(client, name))
    if name == "__version__":
        from importlib.metadata import version

        return version("atdm-client")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
