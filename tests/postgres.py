"""A real PostgreSQL for tests, on a private socket.

    with start_postgres() as dsn, fresh_database(dsn) as mine:
        ...

Durability is off: these databases live for one test session.
"""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.local_stack import postgres
from infra.local_stack.supervisor import Supervisor

FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "32MB"}


@contextmanager
def start_postgres() -> Generator[str]:
    """Start a server in a temporary folder of its own, and stop it afterwards; yields its DSN."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # the path of a socket ends at 107 bytes, so pytest's will not do
    supervisor = Supervisor(lambda name: folder / f"{name}.log")
    try:
        postgres.initialise(folder / "data", folder / "initdb.log")
        supervisor.start(postgres.postgres_part(folder / "data", folder / "socket", **FAST))
        yield postgres.dsn(folder / "socket")
    finally:
        supervisor.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(dsn: str, template: str = "template0") -> Generator[str]:
    """Create a database of its own on the server behind `dsn`, empty or a copy of `template`; yields its DSN."""
    name = f"test_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(create)
        try:
            yield make_conninfo(dsn, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
