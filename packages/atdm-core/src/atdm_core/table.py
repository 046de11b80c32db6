"""A table: the rows of one entity, held as whole columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from atdm_core.columns import Column, Ints, concat, size, take, values
from atdm_core.entity import Entity

__all__ = ["Table"]


class Table:
    """`columns` of one length, in the entity's order. `table["status"]` is the column, ready for element-wise rules."""

    __slots__ = ("columns", "entity")

    def __init__(self, entity: Entity, columns: Mapping[str, Column]) -> None:
        self.entity = entity
        self.columns = columns

    def __len__(self) -> int:
        return size(next(iter(self.columns.values())))

    def __repr__(self) -> str:
        return f"Table({self.entity.name!r}, n={len(self)})"

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]

    @property
    def key_column(self) -> Column:
        """The column of primary keys."""
        return self.columns[self.entity.key]

    def take(self, index: Ints) -> "Table":
        """The rows at `index` (0-based), in that order."""
        return Table(self.entity, {name: take(column, index) for name, column in self.columns.items()})

    def rows(self) -> list[dict[str, Any]]:
        """The rows as plain mappings of column to Python value."""
        names, kinds = list(self.columns), self.entity.columns
        cells = (
            kinds[name].plain(column) if name in kinds else values(column) for name, column in self.columns.items()
        )
        return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]

    @classmethod
    def joined(cls, tables: Sequence["Table"]) -> "Table":
        """One table of the rows of all `tables` of an entity, one after the other."""
        first = tables[0]
        if len(tables) == 1:
            return first
        return cls(first.entity, {name: concat([table[name] for table in tables]) for name in first.columns})
