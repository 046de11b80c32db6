"""What ALTER TABLE takes away and calls otherwise: columns and tables, wherever a constraint names them."""

from collections.abc import Iterable
from dataclasses import replace

from atdm_ddl.schema import Column, Order, Table

__all__ = ["drop_column", "rename_column", "rename_table", "retype"]


def drop_column(table: Table, name: str) -> None:
    """Drop a column, and the constraints over it."""
    table.columns.pop(name, None)
    table.primary_key = () if name in table.primary_key else table.primary_key
    table.unique = [names for names in table.unique if name not in names]
    table.foreign_keys = [key for key in table.foreign_keys if name not in key.columns]
    table.orders = [order for order in table.orders if name not in (order.early, order.late)]
    table.unlike = [pair for pair in table.unlike if name not in pair]


def rename_column(tables: Iterable[Table], table: Table, old: str, new: str) -> None:
    """Call a column otherwise, in its table and where others refer to it."""

    def named(name: str) -> str:
        return new if name == old else name

    def all_named(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(named, names))

    table.columns = {named(name): replace(column, name=named(name)) for name, column in table.columns.items()}
    table.primary_key = all_named(table.primary_key)
    table.unique = [all_named(names) for names in table.unique]
    table.foreign_keys = [replace(key, columns=all_named(key.columns)) for key in table.foreign_keys]
    table.orders = [Order(named(order.early), named(order.late), order.strict) for order in table.orders]
    table.unlike = [(named(one), named(other)) for one, other in table.unlike]
    for each in tables:
        each.foreign_keys = [
            replace(key, others=all_named(key.others))
            if key.table == table.name and each.schema == table.schema
            else key
            for key in each.foreign_keys
        ]


def rename_table(tables: Iterable[Table], table: Table, new: str) -> None:
    """Call a table otherwise, and where others refer to it."""
    old, table.name = table.name, new
    for each in tables:
        each.foreign_keys = [
            replace(key, table=new) if key.table == old and each.schema == table.schema else key
            for key in each.foreign_keys
        ]


def retype(column: Column, made: Column) -> Column:
    """A column of another type, with what else was said of it; what its checks said of the old type holds on."""
    kept = replace(made, nullable=column.nullable, given=column.given, fresh=column.fresh)
    return replace(kept, patterns=column.patterns, hints=column.hints, unsure=column.unsure, shortest=column.shortest)
