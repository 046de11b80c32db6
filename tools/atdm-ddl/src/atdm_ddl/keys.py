"""What names the rows of a table, where references lead, and which tables a pack can therefore make rows of."""

from collections.abc import Mapping

from atdm_ddl.names import slug
from atdm_ddl.schema import Column, ForeignKey, Schema, Table

__all__ = ["RUN_COLUMN", "fits_key", "key_behind", "key_of", "pointed_at", "references_of", "root_of", "usable_tables"]

RUN_COLUMN = "test_run_id"
LONGEST_RUN = 27  # characters that a run's id and its hyphen add to a key
MADE_NUMBERS = (10**9, 2**31 - 1)  # what a target makes of a key for which the database has no default
MOST_ROWS = 8  # digits and a hyphen that the number of a row adds


def usable_tables(schema: Schema, notes: list[str]) -> dict[str, Table]:
    """The tables whose rows can be made: their keys can, and so can the rows that they must refer to."""
    tables = dict(schema.tables)
    while wrong := {name: fault for name, table in tables.items() if (fault := _fault_of(table, tables))}:
        for name, fault in wrong.items():
            del tables[name]
            notes.append(f"{name}: left out, because {fault}.")
    return tables


def key_of(table: Table, tables: Mapping[str, Table]) -> str | None:
    """The column that names the rows; None where nothing can make it.

    Of a key of several columns it is one that the database makes, else a reference to a row that the pack makes, else
    one that ATDM makes. Where there is no primary key, none that a target would have to make will do.
    """
    if not table.primary_key and RUN_COLUMN not in table.columns:
        return None  # nothing could tell a row of a run from others
    for names in [table.primary_key] if table.primary_key else table.unique:
        columns = [table.columns[name] for name in names]
        if any(column.nullable for column in columns):
            continue
        referring = [name for name in names if any(key.table in tables for key in references_of(table, name))]
        own = [column for column in columns if not references_of(table, column.name)]
        fitting = [column for column in own if fits_key(column, slug(table.name))]
        fresh = [column.name for column in fitting if column.fresh and table.primary_key]
        made = [column.name for column in fitting if column.type == "text" or table.primary_key]
        if found := [*fresh, *referring, *made]:
            return found[0]
    return None


def fits_key(column: Column, prefix: str) -> bool:
    """Whether keys `<prefix>-<run>` may stand in a column, or numbers and UUIDs that the target makes of them."""
    if column.type == "integer":
        low, high = column.low or 0, column.high or MADE_NUMBERS[1]
        return column.fresh or (low <= MADE_NUMBERS[0] and high >= MADE_NUMBERS[1])
    if column.type == "uuid":
        return True
    room = len(prefix) + LONGEST_RUN + MOST_ROWS
    free = column.allowed is None and not column.patterns and column.shortest <= LONGEST_RUN
    return column.type == "text" and free and (column.length is None or column.length >= room)


def references_of(table: Table, column: str) -> list[ForeignKey]:
    """The foreign keys that say what a column must be like.

    One that leads to the column itself, as that of the tenant does in a tree for each tenant, says nothing of it.
    """
    keys = [key for key in table.foreign_keys if column in key.columns]
    return [key for key in keys if (key.table, pointed_at(key, column)) != (table.name, column)]


def pointed_at(key: ForeignKey, column: str) -> str:
    """The column of the other table that a column of this one must be like."""
    return key.others[key.columns.index(column)]


def root_of(table: str, column: str, tables: Mapping[str, Table]) -> tuple[str, str]:
    """The table and the column in which a column's values are first made: follow its references to their end."""
    seen = set[tuple[str, str]]()
    while (table, column) not in seen:
        seen.add((table, column))
        key = next((key for key in references_of(tables[table], column) if key.table in tables), None)
        if key is None:
            break
        table, column = key.table, pointed_at(key, column)
    return table, column


def key_behind(table: str, column: str, tables: Mapping[str, Table], keys: Mapping[str, str]) -> str | None:
    """The table whose keys stand in a column, at the end of its references; None where they are no keys."""
    root, first = root_of(table, column, tables)
    return root if first == keys[root] and not references_of(tables[root], first) else None


def _same_row(table: Table, pair: tuple[str, str], tables: Mapping[str, Table]) -> str | None:
    """The table with the row that both columns refer to; None where they refer to none, or to two."""
    firsts = [next((key for key in references_of(table, name) if key.table in tables), None) for name in pair]
    roots = {
        None if key is None else root_of(key.table, pointed_at(key, name), tables)
        for key, name in zip(firsts, pair, strict=True)
    }
    root = roots.pop() if len(roots) == 1 else None
    return root and root[0]


def _fault_of(table: Table, tables: Mapping[str, Table]) -> str | None:
    for pair in table.unlike:
        if not any(table.columns[name].nullable for name in pair) and (same := _same_row(table, pair, tables)):
            return f"its {' and '.join(pair)} must differ, and a bundle has one row of {same} for both"
    for key in table.foreign_keys:
        needed = any(not table.columns[name].nullable for name in key.columns)
        if needed and key.table not in tables:
            return f"its {', '.join(key.columns)} must refer to {key.table}, which the pack cannot make"
    if key_of(table, tables) is not None:
        return None
    if not table.primary_key:
        return "it has no key by which the rows of a run could be told from others"
    return f"nothing can make its primary key ({', '.join(table.primary_key)}) that two runs would not share"
