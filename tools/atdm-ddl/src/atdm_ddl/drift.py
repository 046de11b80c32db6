"""Where a pack and a schema have drifted apart."""

from collections.abc import Iterator

from atdm_core import Day, Entity, Flag, Instant, Integer, Json, Key, Kind, Number, OneOf, Pack, Ref, Text
from atdm_ddl.keys import RUN_COLUMN, usable_tables
from atdm_ddl.schema import Column, Schema, Table

__all__ = ["drift"]

_TYPES: dict[type[Kind], tuple[str, ...]] = {
    Day: ("date",),
    Instant: ("timestamp",),
    Integer: ("integer", "number"),
    Number: ("number",),
    Flag: ("boolean",),
    Json: ("json", "array"),
    Text: ("text", "uuid", "other"),
}


def drift(pack: Pack, schema: Schema) -> list[str]:
    """One sentence for each difference that would make a seed fail, or leave a table without rows; none: no drift.

    Tables that no pack could make rows of are passed over.
    """
    told = [f"table {name} has no entity" for name in usable_tables(schema, []) if name not in pack.entities]
    for entity in pack.entities.values():
        if entity.name not in schema.tables:
            told.append(f"entity {entity.name} has no table")
        else:
            told += _of_entity(pack, entity, schema.tables[entity.name])
    return told


def _of_entity(pack: Pack, entity: Entity, table: Table) -> Iterator[str]:
    if table.primary_key and entity.key not in table.primary_key:
        yield f"{entity.name}: its key is {entity.key}, but the table's is {', '.join(table.primary_key)}"
    if (entity.run_column is not None) != (RUN_COLUMN in table.columns):
        has = "has" if entity.run_column is None else "has no"
        yield f"{entity.name}: the table {has} {RUN_COLUMN}; say so in run_column"
    for name in entity.columns:
        if name not in table.columns:
            yield f"{entity.name}.{name}: the table has no such column"
        else:
            yield from (f"{entity.name}.{name}: {fault}" for fault in _of_column(pack, entity, name, table))
    for column in table.columns.values():
        needed = not column.nullable and not column.given and column.name != RUN_COLUMN
        if needed and column.name not in entity.columns:
            yield f"{entity.name}.{column.name}: the table needs it, and the pack does not make it"


def _of_column(pack: Pack, entity: Entity, name: str, table: Table) -> Iterator[str]:
    kind, column = entity.columns[name], table.columns[name]
    if column.computed:
        yield "the database alone makes it"
    if kind.nullable and not column.nullable:
        yield "may be null in the pack, and not in the table"
    types = next((types for of, types in _TYPES.items() if isinstance(kind, of)), None)
    if types is not None and column.type not in types:
        yield f"{type(kind).__name__} in the pack, {column.declared} in the table"
    if isinstance(kind, OneOf) and column.allowed is not None and (extra := set(kind.allowed) - set(column.allowed)):
        yield f"the table does not allow {', '.join(sorted(extra))}"
    if isinstance(kind, OneOf) and column.allowed is not None and (new := set(column.allowed) - set(kind.allowed)):
        yield f"the table also allows {', '.join(sorted(new))}"
    if isinstance(kind, Integer | Number):
        yield from _of_range(kind, column)
    yield from _of_reference(pack, kind, name, table)


def _of_range(kind: Integer | Number, column: Column) -> Iterator[str]:
    for word, told, limit in (("low", kind.low, column.low), ("high", kind.high, column.high)):
        wider = limit is not None and (told < limit if word == "low" else told > limit)
        if wider and abs(told) < 2**62:
            yield f"{word} is {told:g} in the pack, {limit:g} in the table"


def _of_reference(pack: Pack, kind: Kind, name: str, table: Table) -> Iterator[str]:
    keys = [key for key in table.foreign_keys if name in key.columns]
    if any(len(key.columns) > 1 for key in keys):
        return  # its other columns may say to which row of the table it belongs
    targets = {key.table for key in keys}
    # A column that a row is not named by is copied, and no reference; of a table without entity nobody knows.
    by_key = any(key.table not in pack.entities or pack.entities[key.table].key in key.others for key in keys)
    if isinstance(kind, Ref) and kind.entity not in targets:
        yield f"refers to {kind.entity} in the pack, and to {', '.join(sorted(targets)) or 'nothing'} in the table"
    if by_key and not isinstance(kind, Ref | Key) and not kind.nullable:
        yield f"refers to {', '.join(sorted(targets))} in the table, and to nothing in the pack"
