"""Whose row it is, in SQL: by the table's run column, or where it has none by the ledger's table `atdm_run_row`.

There a row is named by its primary key, so a table with neither takes no rows of runs.
"""

from psycopg import sql

from target_healthcare.schema import RUN_COLUMN, Table


def is_of_run(table: Table, alias: str, number: int, *, of_all: bool = False) -> sql.Composed:
    """A row of `table`, called `alias`, is of the run in parameter `number`; of any run, where that is null."""
    run_id = sql.SQL("${}").format(sql.Literal(number))
    if table.run_column is not None:
        form = "{column} IS NOT NULL AND {run_id}::text IS NULL" if of_all else "{column} = {run_id}"
        return sql.SQL(form).format(column=sql.Identifier(alias, RUN_COLUMN), run_id=run_id)
    form = "{run_id}::text IS NULL" if of_all else "tagged.run_id = {run_id}"
    return sql.SQL(
        # Some row of the table lends the columns that are not the key, as a domain may allow none of them to be null.
        '({key}) IN (SELECT {told} FROM atdm_run_row AS tagged, (SELECT "atdm row" FROM {rows} AS "atdm row" LIMIT 1)'
        ' AS lent, jsonb_populate_record(lent."atdm row", tagged.key) AS told'
        " WHERE tagged.table_name = {table} AND {condition})"
    ).format(
        key=_columns(alias, table.primary_key),
        told=_columns("told", table.primary_key),
        rows=sql.Identifier(table.name),
        table=sql.Literal(table.name),
        condition=sql.SQL(form).format(run_id=run_id),
    )


def owner_of(table: Table, alias: str) -> sql.Composable:
    """The run that a row of `table`, called `alias`, is of; null for none."""
    if table.run_column is not None:
        return sql.Identifier(alias, RUN_COLUMN)
    if not table.takes_runs:
        return sql.SQL("NULL")
    form = "(SELECT tagged.run_id FROM atdm_run_row AS tagged WHERE tagged.table_name = {} AND tagged.key = {})"
    return sql.SQL(form).format(sql.Literal(table.name), key_of(table, alias))


def key_of(table: Table, alias: str) -> sql.Composed:
    """The primary key of a row called `alias`, as `atdm_run_row` keeps it."""
    pairs = (sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(alias, name)) for name in table.primary_key)
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def empty_row(table_name: str) -> sql.Composed:
    """A null of the table's row type. A cast would take the name of a table `line` for that of the type."""
    return sql.SQL('(SELECT "atdm row" FROM {} AS "atdm row" WHERE false)').format(sql.Identifier(table_name))


def _columns(alias: str, names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)
