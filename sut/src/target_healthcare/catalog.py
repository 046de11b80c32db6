"""The tables as the database's own catalog has them: for a database whose migrations somebody else keeps."""

from pathlib import Path
from typing import Final

import msgspec
import psycopg

from target_healthcare.migrations import read_migrations
from target_healthcare.queries import read_queries
from target_healthcare.schema import Schema, TableParts, make_schema, read_schema
from target_healthcare.settings import Settings

_CONNECT_SECONDS: Final = 10
_QUERIES: Final = read_queries(Path(__file__).with_name("catalog.sql"))


def read_catalog(database_url: str) -> Schema:
    """Read the tables of the first schema in the search path, without views, partitions and the target's own.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(database_url, connect_timeout=_CONNECT_SECONDS) as connection:
        rows = connection.execute(_QUERIES["list_tables"]).fetchall()
    return make_schema(msgspec.convert(row[0], TableParts) for row in rows)


def load_schema(settings: Settings) -> Schema:
    """The schema of the target, from where its settings say.

    Raises `MigrationError`, `SchemaError`, or `psycopg.Error` when the database is asked.
    """
    if settings.schema_from == "database":
        return read_catalog(settings.database_url)
    return read_schema(read_migrations(settings.migrations))
