"""`atdm-server` and `python -m atdm_server`: serve the API, configured by ATDM_* environment variables."""

import argparse
import socket
import sys
from collections.abc import Sequence

from granian.constants import Interfaces
from granian.server import Server

from atdm_core import AtdmError, Registry
from atdm_server.errors import SettingsInvalid
from atdm_server.settings import Settings
from atdm_server.store import open_stores

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0, or 1 after one line on standard error that says what to do."""
    argparse.ArgumentParser(prog="atdm-server", description=__doc__).parse_args(arguments)
    try:
        settings = Settings.from_environment()
        check_settings(settings)
    except AtdmError as error:
        print(f"atdm-server: {error.message}", file=sys.stderr)
        return 1
    Server(
        "atdm_server.app:create_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        workers_kill_timeout=10,
        websockets=False,
    ).serve()
    return 0


def check_settings(settings: Settings) -> None:
    """Find out here, once and in one line, what every worker process would fail at."""
    open_stores(settings.store_url)
    Registry().planner(settings.planner)
    # The workers bind with SO_REUSEPORT and would share a taken port silently.
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsInvalid(
                f"{settings.host}:{settings.port} cannot be used ({error.strerror}); set ATDM_PORT to a free port"
            ) from error


if __name__ == "__main__":
    sys.exit(main())
