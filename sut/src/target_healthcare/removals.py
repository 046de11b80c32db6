"""The statements that take back the rows of one run, or of all runs, and find what hangs on them.

Rows of no run, which the system under test made itself, are found through the foreign keys and remembered by their
place, the OID of their table and their `ctid`: that works whatever their key is, and once they are locked it holds.
Each table has a parameter of its own for the run id, so that it takes the type of that table's column; for all runs
it is null. Whose a row is says `attribution`.
"""

from collections.abc import Iterable
from typing import Final

from psycopg import sql

from target_healthcare.attribution import is_of_run, owner_of
from target_healthcare.schema import ForeignKey, Table

KEYS_TOLD: Final = 1000
"""The most keys of one table that an answer names."""


def delete_rows(tables: Iterable[Table], also: Iterable[Table] = (), *, of_all: bool = False) -> bytes:
    """Delete the rows of the run from `tables`, and from `also` those in places found before.

    All in one statement, for foreign keys are checked at its end: so their order does not matter, nor does a cycle.
    Parameters: the run id for each of `tables`, then OIDs and places for each of `also`. Result, one row for each in
    the same order: its position, the rows deleted, and the keys of `KEYS_TOLD` of them as JSON (null: none).
    """
    deletes: list[sql.Composable] = []
    number = 1
    for table in tables:
        condition = is_of_run(table, table.name, number, of_all=of_all)
        deletes.append(_delete(table, condition))
        number += 1
    for table in also:
        deletes.append(_delete(table, _is_in_places(table.name, number)))
        number += 2
    if not deletes:
        return _bytes(sql.SQL("SELECT WHERE false"))
    names = [sql.Identifier(f"gone {position}") for position in range(len(deletes))]
    told = sql.SQL(
        "SELECT {position}, (SELECT count(*) FROM {gone}),"
        " (SELECT json_agg(told.*) FROM (SELECT * FROM {gone} LIMIT {most}) AS told)::text"
    )
    return _bytes(
        sql.SQL("WITH {deletes} {told} ORDER BY 1").format(
            deletes=sql.SQL(", ").join(
                sql.SQL("{} AS ({})").format(name, delete) for name, delete in zip(names, deletes, strict=True)
            ),
            told=sql.SQL(" UNION ALL ").join(
                told.format(position=sql.Literal(position), gone=name, most=sql.Literal(KEYS_TOLD))
                for position, name in enumerate(names)
            ),
        )
    )


def forget_rows(*, of_all: bool = False) -> bytes:
    """Strike the rows of the run off the ledger's table of rows. Parameter: the run id."""
    condition = sql.SQL("$1::text IS NULL" if of_all else "run_id = $1")
    return _bytes(sql.SQL("DELETE FROM atdm_run_row WHERE {}").format(condition))


def lock_rows(table: Table, *, of_all: bool = False) -> bytes:
    """Lock the rows of the run in one table: until the end of the transaction no new row can refer to them.

    Parameter: the run id.
    """
    condition = is_of_run(table, table.name, 1, of_all=of_all)
    query = "WITH mine AS (SELECT FROM {} WHERE {} FOR UPDATE) SELECT count(*) FROM mine"
    return _bytes(sql.SQL(query).format(sql.Identifier(table.name), condition))


def require_unreferenced(key: ForeignKey, child: Table, parent: Table, *, of_all: bool = False) -> bytes:
    """Fail with a restrict violation when a row of others refers to the run's rows through `key`.

    Parameters: the run id, and once more when `child` takes rows of runs.
    """
    query = "SELECT atdm_require_unreferenced({table}, EXISTS (SELECT FROM {child} AS child WHERE {condition}))"
    return _bytes(
        sql.SQL(query).format(
            table=sql.Literal(child.name),
            child=sql.Identifier(child.name),
            condition=_refers_to_run(key, child, parent, of_all=of_all),
        )
    )


def find_references_to_run(key: ForeignKey, child: Table, parent: Table, *, of_all: bool = False) -> bytes:
    """Find, and lock, the rows of others that refer to the run's rows through `key`.

    Parameters: the run id, and once more when `child` takes rows of runs. Result: OID, place, the run of the row, its
    key as JSON.
    """
    return _find(child, _refers_to_run(key, child, parent, of_all=of_all))


def find_references_to_places(key: ForeignKey, child: Table, parent: Table) -> bytes:
    """Find, and lock, the rows that refer through `key` to those in given places. Parameters: OIDs, places.

    Result: see `find_references_to_run`.
    """
    return _find(child, _refers(key, parent, _is_in_places("parent", 1)))


def _find(child: Table, condition: sql.Composable) -> bytes:
    return _bytes(
        sql.SQL(
            "SELECT child.tableoid, child.ctid, {owner}::text,"
            " (SELECT row_to_json(told.*) FROM (SELECT {key}) AS told)::text"
            " FROM {child} AS child WHERE {condition} FOR UPDATE OF child"
        ).format(
            owner=owner_of(child, "child"),
            key=sql.SQL(", ").join(sql.Identifier("child", name) for name in child.identity),
            child=sql.Identifier(child.name),
            condition=condition,
        )
    )


def _delete(table: Table, condition: sql.Composable) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, table.identity))
    return sql.SQL("DELETE FROM {} WHERE {} RETURNING {}").format(sql.Identifier(table.name), condition, names)


def _refers_to_run(key: ForeignKey, child: Table, parent: Table, *, of_all: bool) -> sql.Composable:
    """A `child` refers to a row of the run, and is none itself."""
    refers = _refers(key, parent, is_of_run(parent, "parent", 1, of_all=of_all))
    if not child.takes_runs:
        return refers
    other = (
        "{refers} AND {owner} IS NULL AND $2::text IS NULL" if of_all else "{refers} AND {owner} IS DISTINCT FROM $2"
    )
    return sql.SQL(other).format(refers=refers, owner=owner_of(child, "child"))


def _refers(key: ForeignKey, parent: Table, condition: sql.Composable) -> sql.Composed:
    """A `child` refers through `key` to a `parent` for which the condition holds."""
    pairs = [
        sql.SQL("{} = {}").format(sql.Identifier("child", column), sql.Identifier("parent", referenced))
        for column, referenced in zip(key.columns, key.referenced_columns, strict=True)
    ]
    return sql.SQL("EXISTS (SELECT FROM {} AS parent WHERE {})").format(
        sql.Identifier(parent.name), sql.SQL(" AND ").join([*pairs, condition])
    )


def _is_in_places(alias: str, number: int) -> sql.Composed:
    """The first condition finds rows quickly, the second tells those of several partitions apart."""
    form = (
        "{place} = ANY({places}::tid[]) AND ({oid}, {place}) IN (SELECT * FROM unnest({oids}::oid[], {places}::tid[]))"
    )
    return sql.SQL(form).format(
        oid=sql.Identifier(alias, "tableoid"),
        place=sql.Identifier(alias, "ctid"),
        oids=_parameter(number),
        places=_parameter(number + 1),
    )


def _parameter(number: int) -> sql.Composed:
    return sql.SQL("$") + sql.Literal(number)


def _bytes(query: sql.Composable) -> bytes:
    return query.as_bytes(None)
