"""Public reads: one route per table, `GET /<tables>/{key}`."""

from collections.abc import Mapping
from typing import TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from psycopg.rows import dict_row

from target_healthcare.errors import RowNotFound
from target_healthcare.ledger import Ledger
from target_healthcare.schema import Schema, Table
from target_healthcare.statements import find_row

Row: TypeAlias = Mapping[str, object]


def read_routes(schema: Schema) -> list[HTTPRouteHandler]:
    """A route for every table whose primary key is one column."""
    return [_read_route(table) for table in schema.tables if len(table.primary_key) == 1]


def plural(name: str) -> str:
    """`claim` becomes `claims`, `eligibility` `eligibilities`."""
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _read_route(table: Table) -> HTTPRouteHandler:
    query, resource = find_row(table), plural(table.name)

    @get(
        f"/{resource}/{{key:str}}",
        tags=["rows"],
        operation_id=f"read_{table.name}",
        summary=f"One {table.name}",
    )
    async def read_row(key: FromPath[str], ledger: NamedDependency[Ledger]) -> Row:
        async with ledger.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            row = await (await cursor.execute(query, [key])).fetchone()
        if row is None:
            raise RowNotFound(f"there is no {table.name} '{key}'", table=table.name, key=key)
        return row

    return read_row
