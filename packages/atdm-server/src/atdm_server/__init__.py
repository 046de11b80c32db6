"""The ATDM server: the engine behind HTTP, with a durable audit log and catalog."""

from atdm_server.app import create_app
from atdm_server.errors import SettingsInvalid
from atdm_server.settings import Settings

__all__ = ["Settings", "SettingsInvalid", "create_app"]
