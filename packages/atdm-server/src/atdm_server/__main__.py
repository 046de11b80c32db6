"""`atdm-server` and `python -m atdm_server`: serve the API, configured by ATDM_* environment variables."""

import argparse
import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from atdm_core import AtdmError, Registry
from atdm_server.errors import SettingsInvalid
from atdm_server.metrics import MULTIPROCESS
from atdm_server.settings import Settings
from atdm_server.store import open_stores, probe_stores

__all__ = ["METRICS_FOLDER", "check_settings", "check_store", "main", "remove_metrics", "share_metrics"]

METRICS_FOLDER: Final = "atdm-metrics-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0, or 1 after one line on standard error that says what to do."""
    argparse.ArgumentParser(prog="atdm-server", description=__doc__).parse_args(arguments)
    try:
        settings = Settings.from_environment()
        check_settings(settings)
        share_metrics(settings)
    except AtdmError as error:
        print(f"atdm-server: {error.message}", file=sys.stderr)
        return 1
    Server(
        "atdm_server.worker:create_worker_app",
        factory=True,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # nobody needs HTTP/2 without TLS, and its headers may be 16 MiB
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        workers_kill_timeout=10,
        websockets=False,
    ).serve()
    remove_metrics()
    return 0


def share_metrics(settings: Settings) -> None:
    """With several workers, give them a folder for their metrics.

    The metrics library decides on import whether it shares, so this process begins again with the folder in its
    environment.
    """
    if settings.workers > 1 and MULTIPROCESS not in os.environ:
        os.environ[MULTIPROCESS] = tempfile.mkdtemp(prefix=METRICS_FOLDER)
        os.execv(sys.executable, [sys.executable, "-m", "atdm_server"])  # noqa: S606 - our own program


def remove_metrics() -> None:
    """Remove the folder that `share_metrics` made."""
    folder = Path(os.environ.get(MULTIPROCESS, ""))
    if folder.name.startswith(METRICS_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def check_settings(settings: Settings) -> None:
    """Find out here, once and in one line, what every worker process would fail at."""
    with ProcessPoolExecutor(1) as elsewhere:  # the store's threads would not survive the fork into workers
        elsewhere.submit(check_store, settings.store_url).result()
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


def check_store(url: str) -> None:
    """Try out what the server relies on; raises `AtdmError` when the store does not keep it."""
    asyncio.run(probe_stores(*open_stores(url)))


if __name__ == "__main__":
    sys.exit(main())
