"""The settings of the target, read once from the environment."""

from collections.abc import Mapping
from os import environ
from pathlib import Path
from typing import Literal, Self, TypeAlias

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

HEALTHCARE_MIGRATIONS = Path(__file__).parent / "healthcare" / "migrations"

SchemaSource: TypeAlias = Literal["migrations", "database"]


class SettingsError(Exception):
    """A setting is missing or unusable; the message names the environment variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the target needs to know before it starts; `port` is read from `TARGET_PORT`, and so on."""

    database_url: str
    service_token: str
    """The bearer token of `/internal/`: whoever holds it can write and delete every run's rows."""
    host: str
    port: int
    workers: int
    migrations: Path
    """The folder of the schema's migrations."""
    schema_from: SchemaSource
    """Whether they are applied and read, or the database has its tables already and is asked for them."""
    pool_size: int
    """Database connections per worker."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = environ) -> Self:
        """Read the settings; raises `SettingsError` when one is missing or not usable."""
        return cls(
            database_url=_database_url(environment),
            service_token=_required(
                environment,
                "TARGET_SERVICE_TOKEN",
                "a long random string; without one anybody could write and delete rows under /internal/",
            ),
            host=environment.get("TARGET_HOST") or "127.0.0.1",
            port=_whole_number(environment, "TARGET_PORT", 18000, most=65535),
            workers=_whole_number(environment, "TARGET_WORKERS", 1),
            migrations=Path(environment.get("TARGET_MIGRATIONS") or HEALTHCARE_MIGRATIONS),
            schema_from=_schema_source(environment),
            pool_size=_whole_number(environment, "TARGET_POOL_SIZE", 8),
        )

    def __repr__(self) -> str:
        """Leave out the token and the database's password."""
        return f"Settings(host={self.host!r}, port={self.port}, migrations={str(self.migrations)!r})"


def _required(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set; set it to {meaning}")
    return value


def _database_url(environment: Mapping[str, str]) -> str:
    url = _required(environment, "TARGET_DATABASE_URL", "a postgresql:// URL")
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's words would repeat the value, which may hold a password.
        raise SettingsError("TARGET_DATABASE_URL cannot be read; set it to a postgresql:// URL") from None
    return url


def _schema_source(environment: Mapping[str, str]) -> SchemaSource:
    source = environment.get("TARGET_SCHEMA") or "migrations"
    if source not in ("migrations", "database"):
        raise SettingsError(f"TARGET_SCHEMA is {source!r}; set it to 'migrations' or 'database'")
    return source


def _whole_number(environment: Mapping[str, str], name: str, default: int, most: int = 1024) -> int:
    text = environment.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise SettingsError(f"{name} is {text!r}; set it to a whole number from 1 to {most}")
    return int(text)
