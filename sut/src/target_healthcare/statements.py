"""The statements that depend on the schema, built as sqlglot trees and kept as bytes for psycopg.

Parameters are positional (`$1`), so they run on psycopg's raw cursors.
"""

from functools import lru_cache

from sqlglot import exp

from target_healthcare.schema import RUN_COLUMN, Table

_KEPT_INSERTS = 1024
"""Inserts differ by table and columns; only a bounded number of them is remembered."""


@lru_cache(maxsize=_KEPT_INSERTS)
def insert_rows(table_name: str, columns: tuple[str, ...]) -> bytes:
    """Insert a JSON array of objects. Parameters: the JSON text, the number of its rows.

    PostgreSQL itself turns JSON into the columns' types (`json`, because `jsonb` rewrites numbers). Writing
    fewer rows than were sent is an error of the statement, so the transaction it stands in fails.
    """
    names = [_identifier(column) for column in columns]
    row_type = exp.DataType.build(_identifier(table_name).sql(dialect="postgres"), dialect="postgres", udt=True)
    rows = exp.func("json_populate_recordset", exp.cast(exp.Null(), row_type), exp.cast(_parameter(1), "json"))
    insert = exp.Insert(
        this=exp.Schema(this=_table(table_name), expressions=names),
        expression=exp.select(*map(exp.column, names)).from_(rows),
        returning=exp.Returning(expressions=[exp.Literal.number(1)]),
    )
    check = exp.func(
        "atdm_require_rows",
        exp.Literal.string(table_name),
        exp.Count(this=exp.Star()),
        exp.cast(_parameter(2), "bigint"),
    )
    return _bytes(exp.select(check).from_("written").with_("written", as_=insert))


def describe_run(tables: tuple[Table, ...]) -> bytes:
    """Read a run's ledger entry and, one column per table, how many rows it has there. Parameter: the run id.

    One statement, so that the state and the counts belong together.
    """
    counts = [
        exp.alias_(
            exp.select("COUNT(*)").from_(_table(table.name)).where(_is_of_run()).subquery(),
            table.name,
            quoted=True,
        )
        for table in tables
    ]
    ledger_columns = ("run_id", "state", "bundle_sha", "created_at", "expires_at")
    run_id = exp.EQ(this=exp.column("run_id", table="atdm_run"), expression=_parameter(1))
    return _bytes(exp.select(*ledger_columns, *counts).from_("atdm_run").where(run_id))


def find_row(table: Table) -> bytes:
    """Read one row by a primary key of one column. Parameter: the key."""
    (key,) = table.primary_key
    columns = [exp.column(_identifier(name)) for name in table.column_names]
    is_key = exp.EQ(this=exp.column(_identifier(key)), expression=_parameter(1))
    return _bytes(exp.select(*columns).from_(_table(table.name)).where(is_key))


def _is_of_run() -> exp.Expr:
    return exp.EQ(this=exp.column(_identifier(RUN_COLUMN)), expression=_parameter(1))


def _parameter(number: int) -> exp.Parameter:
    return exp.Parameter(this=exp.Literal.number(number))


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _table(name: str) -> exp.Table:
    return exp.Table(this=_identifier(name))


def _bytes(tree: exp.Expr) -> bytes:
    return tree.sql(dialect="postgres").encode()
