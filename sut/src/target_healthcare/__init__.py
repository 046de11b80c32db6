"""A small system under test: a Litestar service that owns a PostgreSQL database."""

from target_healthcare.app import create_app
from target_healthcare.settings import Settings, SettingsError

__all__ = ["Settings", "SettingsError", "create_app"]
