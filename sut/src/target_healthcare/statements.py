"""The statements that depend on the schema, kept as bytes for psycopg.

Parameters are positional (`$1`), so they run on psycopg's raw cursors.
"""

from functools import lru_cache

import msgspec
from psycopg import sql
from sqlglot import exp

from target_healthcare.attribution import empty_row, is_of_run, key_of
from target_healthcare.schema import Table

_KEPT_INSERTS = 1024
"""Inserts differ by table and columns; only a bounded number of them is remembered."""


class Insert(msgspec.Struct, frozen=True):
    """Rows of one table that are sent as JSON; `has_made_keys` says that the target made values of its key."""

    table: Table
    columns: tuple[str, ...]
    has_made_keys: bool


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


@lru_cache(maxsize=_KEPT_INSERTS)
def insert_together(inserts: tuple[Insert, ...]) -> bytes:
    """Insert the rows of several tables at once, and tell the ledger of those that have no run column.

    All in one statement, for foreign keys are checked at its end: so rows may refer to one another in a circle.
    Parameters: the run id, then for each insert the JSON text and the number of its rows. Errors: see `insert_rows`.
    """
    parts: list[sql.Composable] = []
    checks: list[sql.Composable] = []
    for position, insert in enumerate(inserts):
        written = sql.Identifier(f"written {position}")
        text, count = (sql.SQL("$") + sql.Literal(2 * position + number) for number in (2, 3))
        parts.append(sql.SQL("{} AS ({})").format(written, _insert(insert, text)))
        if insert.table.run_column is None:
            parts.append(sql.SQL("{} AS ({})").format(sql.Identifier(f"told {position}"), _tell(insert.table, written)))
        check = "atdm_require_rows({table}, (SELECT count(*) FROM {written}), {count}::bigint)"
        checks.append(sql.SQL(check).format(table=sql.Literal(insert.table.name), written=written, count=count))
    query = sql.SQL("WITH {} SELECT $1::text, {}").format(sql.SQL(", ").join(parts), sql.SQL(", ").join(checks))
    return query.as_bytes(None)


def hold_keys(table: Table, holder: str) -> sql.Composed:
    """Make a temporary table for keys of `table`, of the very types of its columns, until the transaction ends."""
    query = "CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
    names = sql.SQL(", ").join(map(sql.Identifier, table.primary_key))
    return sql.SQL(query).format(sql.Identifier(holder), names, sql.Identifier(table.name))


def tell_keys(table: Table, holder: str) -> sql.Composed:
    """Tell the ledger that the rows with the keys in a temporary table are of a run. Parameter: the run id."""
    return _tell(table, sql.Identifier(holder))


def count_rows(table: Table) -> sql.Composed:
    """Count the rows of a run. Parameter: the run id."""
    query = "SELECT count(*) FROM {} WHERE {}"
    return sql.SQL(query).format(sql.Identifier(table.name), is_of_run(table, table.name, 1))


def describe_run(tables: tuple[Table, ...]) -> bytes:
    """Read a run's ledger entry and, one column per table, how many rows it has there. Parameter: the run id.

    One statement, so that the state and the counts belong together.
    """
    counts = [
        sql.SQL(", (SELECT count(*) FROM {} WHERE {})").format(
            sql.Identifier(table.name), is_of_run(table, table.name, 1)
        )
        for table in tables
    ]
    entry = sql.SQL("SELECT run_id, state, bundle_sha, created_at, expires_at, taken_back_by")
    return (entry + sql.Composed(counts) + sql.SQL(" FROM atdm_run WHERE atdm_run.run_id = $1")).as_bytes(None)


def find_row(table: Table) -> bytes:
    """Read one row by a primary key of one column. Parameter: the key."""
    (key,) = table.primary_key
    columns = [exp.column(_identifier(name)) for name in table.column_names]
    is_key = exp.EQ(this=exp.column(_identifier(key)), expression=_parameter(1))
    return _bytes(exp.select(*columns).from_(_table(table.name)).where(is_key))


def _insert(insert: Insert, text: sql.Composable) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, insert.columns))
    query = (
        "INSERT INTO {table} ({names}){own_keys} SELECT {names} FROM json_populate_recordset({empty}, {text}::json)"
        " RETURNING {key}"
    )
    return sql.SQL(query).format(
        table=sql.Identifier(insert.table.name),
        names=names,
        own_keys=sql.SQL(" OVERRIDING SYSTEM VALUE" if insert.has_made_keys else ""),
        empty=empty_row(insert.table.name),
        text=text,
        key=sql.SQL(", ").join(map(sql.Identifier, insert.table.identity)),
    )


def _tell(table: Table, written: sql.Identifier) -> sql.Composed:
    """Whoever had a row of this key before has it no more: it is gone, or this one could not have been written."""
    query = (
        "INSERT INTO atdm_run_row (table_name, key, run_id) SELECT {table}, {key}, $1::text FROM {written} AS written"
        " ON CONFLICT (table_name, key) DO UPDATE SET run_id = excluded.run_id"
    )
    return sql.SQL(query).format(table=sql.Literal(table.name), key=key_of(table, "written"), written=written)


def _parameter(number: int) -> exp.Parameter:
    return exp.Parameter(this=exp.Literal.number(number))


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _table(name: str) -> exp.Table:
    return exp.Table(this=_identifier(name))


def _bytes(tree: exp.Expr) -> bytes:
    return tree.sql(dialect="postgres").encode()
