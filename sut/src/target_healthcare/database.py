"""The pool of database connections of one worker."""

import logging
from typing import TypeAlias

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from target_healthcare.settings import Settings

Connection: TypeAlias = AsyncConnection[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

WAIT_SECONDS = 5.0
"""How long a request waits for a free connection before it hears that the database is unavailable."""
_CONNECT_SECONDS = 5
_RECONNECT_SECONDS = 10.0
"""It doubles its pause between attempts; giving up early keeps it short, the next request tries again."""


def create_pool(settings: Settings) -> Pool:
    """Describe the pool; opening it is left to the application's lifespan.

    Autocommit: a single statement is its own transaction, and so is a pipeline of statements, which costs one
    round trip. Raw cursors: parameters are `$1`, so no name needs escaping.
    """
    # A refused statement makes psycopg warn about those behind it in the pipeline; the caller hears of the refusal.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("psycopg.pool").setLevel(logging.WARNING)
    return AsyncConnectionPool(
        settings.database_url,
        kwargs={
            "autocommit": True,
            "cursor_factory": AsyncRawCursor,
            "connect_timeout": _CONNECT_SECONDS,
            # Prepare at first use. Between first use and a later threshold psycopg 3.3 takes a statement for
            # prepared although an error before it in its pipeline kept it from ever being parsed.
            "prepare_threshold": 0,
        },
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        configure=_configure,
        timeout=WAIT_SECONDS,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )


async def _configure(connection: Connection) -> None:
    await connection.execute("SET timezone TO 'UTC'")
