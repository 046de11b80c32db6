"""The order in which tables are made: parents first, and cycles broken where they may be."""

from collections.abc import Mapping

from atdm_ddl.keys import key_behind, pointed_at
from atdm_ddl.schema import Table

__all__ = ["in_order"]


def in_order(tables: Mapping[str, Table], keys: Mapping[str, str]) -> tuple[list[Table], set[tuple[str, str]]]:
    """The tables, parents before children, and the references (from, to) that point at a table made later.

    A cycle is entered where references may be null, else where all that a row needs of later ones is their keys, which
    are known ahead, else at its first table.
    """
    waiting, ordered, ahead = dict(tables), list[Table](), set[tuple[str, str]]()

    def is_free(table: Table) -> bool:
        return not _parents(table) & waiting.keys()

    def may_be_null(table: Table) -> bool:
        return not {parent for parent, _ in _needed(table)} & waiting.keys()

    def needs_keys(table: Table) -> bool:
        return all(key_behind(*place, tables, keys) for place in _needed(table) if place[0] in waiting)

    while waiting:
        entries = (table for fits in (is_free, may_be_null, needs_keys) for table in waiting.values() if fits(table))
        table = next(entries, None) or next(iter(waiting.values()))
        ahead |= {(table.name, parent) for parent in _parents(table) & waiting.keys()}
        ordered.append(waiting.pop(table.name))
    return ordered, ahead


def _parents(table: Table) -> set[str]:
    return {key.table for key in table.foreign_keys} - {table.name}


def _needed(table: Table) -> set[tuple[str, str]]:
    """The tables, and their columns, that a row must be like."""
    return {
        (key.table, pointed_at(key, name))
        for key in table.foreign_keys
        for name in key.columns
        if key.table != table.name and not table.columns[name].nullable
    }
