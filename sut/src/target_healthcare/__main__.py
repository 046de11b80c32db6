"""`python -m target_healthcare serve|migrate`, configured by TARGET_* environment variables."""

import argparse
import socket
import sys
from collections.abc import Sequence

import psycopg
from granian.constants import Interfaces
from granian.server import Server

from target_healthcare.migrations import LEDGER_MIGRATIONS, MigrationError, migrate, read_migrations
from target_healthcare.schema import SchemaError, read_schema
from target_healthcare.settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, or 1 after one line on stderr that says what to do."""
    parser = argparse.ArgumentParser(prog="target-healthcare", description=__doc__)
    parser.add_argument("command", choices=["serve", "migrate"], help="serve: migrate, then answer HTTP")
    command: str = parser.parse_args(arguments).command
    try:
        settings = Settings.from_environment()
        prepare_database(settings)
        if command == "serve":
            require_free_port(settings)
            serve(settings)
    except (SettingsError, MigrationError, SchemaError) as error:
        return _fail(str(error))
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        return _fail(f"the database at TARGET_DATABASE_URL cannot be used: {reason}")
    return 0


def prepare_database(settings: Settings) -> None:
    """Apply the ledger's migrations and, where there are any, the schema's, and say which."""
    sets = {"ledger": read_migrations(LEDGER_MIGRATIONS)}
    if settings.schema_from == "migrations":
        sets["schema"] = read_migrations(settings.migrations)
        read_schema(sets["schema"])
    applied = migrate(settings.database_url, sets)
    print(f"target-healthcare: migrations applied: {', '.join(applied) or 'none, all are in place'}", flush=True)


def require_free_port(settings: Settings) -> None:
    """Raise `SettingsError` when the port is taken.

    Asked before the server starts: its workers bind with SO_REUSEPORT and would share the port silently.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            place = f"{settings.host}:{settings.port}"
            raise SettingsError(f"{place} cannot be used ({error.strerror}); set TARGET_PORT to a free port") from error


def serve(settings: Settings) -> None:
    """Answer HTTP until SIGTERM or SIGINT; requests in flight get ten seconds to finish."""
    Server(
        "target_healthcare.worker:create_worker_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        workers_kill_timeout=10,
        websockets=False,
    ).serve()


def _fail(message: str) -> int:
    print(f"target-healthcare: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
