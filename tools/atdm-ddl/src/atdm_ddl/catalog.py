"""A live PostgreSQL read as DDL: its catalog tells, as statements, what the tables of one schema declare."""

import re
from importlib.resources import files
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from atdm_ddl.reading import UnreadableDdl, read_ddl
from atdm_ddl.schema import Schema

__all__ = ["UnreadableDatabase", "read_database"]

QUERY: Final = (files("atdm_ddl") / "catalog.sql").read_bytes()
FORM: Final = "postgresql://USER@HOST:5432/DATABASE"
PATIENCE: Final = 10  # seconds to connect


class UnreadableDatabase(UnreadableDdl):
    """The database cannot be reached or read; the message says why, and never holds the password."""


def read_database(url: str) -> Schema:
    """The schema that the role's search path leads to, read in a transaction that cannot write.

    Raises `UnreadableDatabase`, or `UnreadableDdl` where what it declares is beyond the reader of DDL.
    """
    password = _password(url)
    try:
        with psycopg.connect(url, connect_timeout=PATIENCE) as connection:
            connection.read_only = True
            statements = [str(statement) for (statement,) in connection.execute(QUERY)]
    except psycopg.Error as error:
        told = str(error).strip()
        told = told.replace(password, "***") if password else told
        raise UnreadableDatabase(f"the database cannot be read: {told}") from None
    if not any(statement.startswith("CREATE TABLE") for statement in statements):
        raise UnreadableDatabase("the schema that the role's search path leads to declares no table; set search_path")
    return read_ddl(";\n".join(statements))


def _password(url: str) -> str:
    """The password in a URL. Raises `UnreadableDatabase` where parts of it may have been taken for something else."""
    try:
        told = conninfo_to_dict(url)
        unclear = any("@" in str(told.get(part, "")) for part in ("host", "dbname"))
        unclear |= not re.fullmatch(r"[\d,]*", str(told.get("port", "")))
    except psycopg.ProgrammingError:  # its message quotes what could not be read
        unclear, told = True, {}
    if unclear:
        raise UnreadableDatabase(
            f"the database's URL cannot be read; write {FORM}, with %40 and the like for @, : and /"
        )
    return str(told.get("password") or "")
