"""Whether the target and its database answer."""

from typing import Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from target_healthcare.ledger import Ledger

_PATIENCE_SECONDS = 2.0


class Health(msgspec.Struct, frozen=True):
    """The target lives, its database answered, and this is the schema it serves."""

    status: Literal["ok"]
    database: Literal["ok"]
    schema_version: str


@get("/health", tags=["health"])
async def health(ledger: NamedDependency[Ledger]) -> Health:
    """Ask the database; 503 DATABASE_UNAVAILABLE when it does not answer."""
    async with ledger.pool.connection(timeout=_PATIENCE_SECONDS) as connection:
        await connection.execute("SELECT 1")
    return Health("ok", "ok", ledger.schema.schema_version)
