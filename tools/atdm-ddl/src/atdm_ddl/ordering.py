"""The order in which tables are made: parents first, and cycles broken where they may be."""

from collections.abc import Mapping

from atdm_ddl.schema import Table

__all__ = ["in_order"]


def in_order(tables: Mapping[str, Table]) -> tuple[list[Table], set[tuple[str, str]]]:
    """The tables, parents before children, and the references (from, to) that point at a table made later.

    A cycle is entered where references may be null, else at its first table.
    """
    waiting, ordered, ahead = dict(tables), list[Table](), set[tuple[str, str]]()
    while waiting:
        ready = next((table for table in waiting.values() if not _parents(table) & waiting.keys()), None)
        ready = ready or next((table for table in waiting.values() if not _needed(table) & waiting.keys()), None)
        table = ready or next(iter(waiting.values()))
        ahead |= {(table.name, parent) for parent in _parents(table) & waiting.keys()}
        ordered.append(waiting.pop(table.name))
    return ordered, ahead


def _parents(table: Table) -> set[str]:
    return {key.table for key in table.foreign_keys} - {table.name}


def _needed(table: Table) -> set[str]:
    required = (key for key in table.foreign_keys if any(not table.columns[name].nullable for name in key.columns))
    return {key.table for key in required} - {table.name}
