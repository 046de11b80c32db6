"""A pack as it will be written: which tables, in which order, and what stands in each column."""

import keyword
import re
from dataclasses import dataclass, field, replace

from atdm_ddl.meaning import Value, literal, value_of
from atdm_ddl.ordering import in_order
from atdm_ddl.schema import Column, ForeignKey, Order, Schema, Table

__all__ = ["RUN_COLUMN", "Draft", "EntityDraft", "Knob", "draft_pack", "local", "slug"]

RUN_COLUMN = "test_run_id"
LONGEST_RUN = 27  # characters that a run's id and its hyphen add to a key
MOST_ROWS = 8  # digits and a hyphen that the number of a row adds


@dataclass(frozen=True)
class Knob:
    """A constraint: the texts that a column may hold, its default first."""

    name: str
    description: str
    allowed: tuple[str, ...]


@dataclass
class EntityDraft:
    """An entity and its generator: columns with their kind and the line that makes them."""

    table: Table
    key: str
    slug: str
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    parents: dict[str, str] = field(default_factory=dict[str, str])
    composites: list[tuple[str, ForeignKey]] = field(default_factory=list[tuple[str, ForeignKey]])
    orders: list[Order] = field(default_factory=list[Order])


@dataclass
class Draft:
    """Entities, parents first, the constraints of the pack, and what people should know."""

    entities: list[EntityDraft] = field(default_factory=list[EntityDraft])
    knobs: list[Knob] = field(default_factory=list[Knob])
    notes: list[str] = field(default_factory=list[str])


def slug(name: str) -> str:
    """A name as part of a Python name."""
    return re.sub(r"\W+|_+", "_", name).strip("_").lower() or "x"


def local(name: str) -> str:
    """A column's name as the name of a variable."""
    made = slug(name)
    return f"{made}_" if keyword.iskeyword(made) or made == "draw" else f"n{made}" if made[0].isdigit() else made


def draft_pack(schema: Schema) -> Draft:
    """The pack of a schema. What its DDL says and the pack cannot honour is in `notes`."""
    draft = Draft(notes=list(schema.notes))
    tables = _usable(schema, draft.notes)
    ordered, left_null = in_order(tables)
    drafts: dict[str, EntityDraft] = {}
    for table in ordered:
        taken = {entity.slug for entity in drafts.values()}
        drafts[table.name] = EntityDraft(table, _key_of(table, tables) or "", _free(slug(table.name), taken))
    for table in ordered:
        _fill(drafts, drafts[table.name], left_null, draft)
        draft.entities.append(drafts[table.name])
    if not any(value.draws for entity in draft.entities for value in entity.values.values()):
        _draw_the_knobs(draft)
    return draft


def _free(name: str, taken: set[str]) -> str:
    """The name, or with the first number behind it that nobody has taken."""
    return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 1000))) if each not in taken)


def _usable(schema: Schema, notes: list[str]) -> dict[str, Table]:
    """The tables whose rows can be made: their keys can, and so can the rows that they must refer to."""
    tables = dict(schema.tables)
    while True:
        wrong = {name: fault for name, table in tables.items() if (fault := _fault_of(table, tables))}
        if not wrong:
            return tables
        for name, fault in wrong.items():
            del tables[name]
            notes.append(f"{name}: left out, because {fault}.")


def _fault_of(table: Table, tables: dict[str, Table]) -> str | None:
    for key in table.foreign_keys:
        needed = any(not table.columns[name].nullable for name in key.columns)
        if needed and key.table not in tables:
            return f"its {', '.join(key.columns)} must refer to {key.table}, which the pack cannot make"
    if _key_of(table, tables) is None:
        told = ", ".join(table.primary_key) or "none"
        return f"nothing can make its primary key ({told}) that two runs would not share"
    return None


def _key_of(table: Table, tables: dict[str, Table]) -> str | None:
    """The column that names the rows: a key that ATDM or the database makes, or a reference to one."""
    candidates = [table.primary_key] if table.primary_key else [*table.unique, *((name,) for name in table.columns)]
    if not table.primary_key and RUN_COLUMN not in table.columns:
        return None  # nothing could tell a row of a run from others
    for columns in candidates:
        required = [name for name in columns if not table.columns[name].nullable]
        if len(required) < len(columns):
            continue
        for name in columns:
            if (reference := _reference_of(table, name)) is not None and reference.table in tables:
                return name
        for name in columns:
            column = table.columns[name]
            if table.primary_key and _can_be_key(table, column):
                return name
            if not table.primary_key and columns in table.unique and _can_be_key(table, column):
                return name
    return None


def _can_be_key(table: Table, column: Column) -> bool:
    if column.type in ("integer", "uuid"):
        return column.given and not _reference_of(table, column.name)
    room = LONGEST_RUN + MOST_ROWS + len(slug(table.name))
    return column.type == "text" and column.allowed is None and (column.length is None or column.length >= room)


def _reference_of(table: Table, column: str) -> ForeignKey | None:
    return next((key for key in table.foreign_keys if column in key.columns), None)


def _fill(drafts: dict[str, EntityDraft], entity: EntityDraft, left_null: set[tuple[str, str]], draft: Draft) -> None:
    table = entity.table
    unique = _made_unique(entity, draft.notes)
    for column in table.columns.values():
        where = f"{table.name}.{column.name}"
        reference = _reference_of(table, column.name)
        if column.name == RUN_COLUMN or column.computed:
            continue
        if reference is not None and (reference.table in drafts or not column.nullable):
            value = _reference(drafts, entity, reference, column, left_null)
        elif reference is not None:
            value = Value("Text(nullable=True)", "None", note=f"null, because the pack cannot make a {reference.table}")
        elif column.name == entity.key or column.name in unique:
            prefix = slug(table.name) if column.name == entity.key else f"{slug(table.name)}-{slug(column.name)}"
            note = f"{column.declared}: the target must give the real key" if column.type != "text" else ""
            value = Value("Key()", f"draw.key({literal(prefix)})", note=note)
        elif column.type == "other" and (column.given or column.nullable):
            draft.notes.append(f"{where}: {column.declared} is left to the database.")
            continue
        elif column.unsure and column.nullable and not any(column.name in (o.early, o.late) for o in table.orders):
            value = Value(value_of(column).kind, "None", note="null, because a CHECK names it that was not understood")
        elif column.allowed is not None:
            value = _one_of(table, column, draft)
        else:
            value = value_of(column)
        entity.values[column.name] = value
        if value.note:
            draft.notes.append(f"{where}: {value.note}.")
    _keep_orders(entity, draft.notes)


def _made_unique(entity: EntityDraft, notes: list[str]) -> set[str]:
    """The columns that must be of the run, and never of the seed, to keep the UNIQUE constraints."""
    table, made = entity.table, set[str]()
    for columns in table.unique:
        if any(name == entity.key or _reference_of(table, name) or table.columns[name].given for name in columns):
            continue
        texts = [table.columns[name] for name in columns]
        fitting = [
            each
            for each in texts
            if _can_be_key(table, each)
            and not each.likes
            and (
                each.length is None
                or each.length >= LONGEST_RUN + MOST_ROWS + len(slug(table.name) + slug(each.name)) + 1
            )
        ]
        if fitting:
            made.add(fitting[0].name)
        else:
            told = ", ".join(columns)
            notes.append(f"{table.name}: UNIQUE ({told}) may be broken by two rows or runs: nothing makes it unique.")
    return made


def _reference(
    drafts: dict[str, EntityDraft],
    entity: EntityDraft,
    key: ForeignKey,
    column: Column,
    left_null: set[tuple[str, str]],
) -> Value:
    table, parent = entity.table, drafts[key.table]
    others = key.others or parent.table.primary_key
    other = others[key.columns.index(column.name)] if key.columns.index(column.name) < len(others) else parent.key
    nullable = "nullable=True" if column.nullable else ""
    ahead = parent is not entity and (table.name, key.table) in left_null
    if (ahead or parent is entity) and column.nullable:
        told = (
            "null, as of the root of a tree"
            if parent is entity
            else f"null, because {key.table} is made after it (a cycle)"
        )
        kind = f"Ref(entity={literal(key.table)}, nullable=True)" if other == parent.key else "Text(nullable=True)"
        return Value(kind, "None", note=told)
    if other != parent.key:
        made = parent.values.get(other)
        if made is None or ahead or parent is entity:
            return Value(
                "Key()",
                f"draw.key({literal(slug(key.table))})",
                note=f"refers to {key.table}.{other}, which is made later: make it by hand",
            )
        if column.name == entity.key:
            pass  # its own key is of another's, and the contract of packs can make no mutant of a key
        elif other in parent.parents:
            entity.parents[column.name] = parent.parents[other]
        elif len(key.columns) > 1 and parent.key in others and not made.kind.startswith(("Key(", "Ref(")):
            entity.composites.append((column.name, replace(key, others=others)))
        return Value(made.kind, f"draw.of({literal(key.table)}, {literal(other)})")
    kind = f"Ref(entity={literal(key.table)}{', ' if nullable else ''}{nullable})"
    if column.name != entity.key:  # of which the contract of packs can make no mutant
        entity.parents[column.name] = key.table
    if ahead or parent is entity:
        note = (
            "" if key.deferrable or parent is entity else f"{key.table} is made after it: make the reference DEFERRABLE"
        )
        return Value(kind, f"draw.key({literal(slug(key.table))})", note=note)
    return Value(kind, f"draw.ref({literal(key.table)})")


def _one_of(table: Table, column: Column, draft: Draft) -> Value:
    allowed = tuple(dict.fromkeys(column.allowed or ()))
    texts = f"({', '.join(map(literal, allowed))}{',' if len(allowed) == 1 else ''})"
    kind = f"OneOf(allowed={texts}{', nullable=True' if column.nullable else ''})"
    if len(allowed) == 1:
        return Value(kind, literal(allowed[0]))
    name = _free(f"{slug(table.name)}_{slug(column.name)}", {knob.name for knob in draft.knobs})
    draft.knobs.append(Knob(name, f"The {column.name} of the {table.name}.", allowed))
    return Value(kind, f"draw.constraint({literal(name)})")


def _keep_orders(entity: EntityDraft, notes: list[str]) -> None:
    """Make the later column of each order from the earlier one, where both are days, instants or numbers."""
    made = set[str]()
    for order in entity.table.orders:
        early, late = (entity.table.columns[name] for name in (order.early, order.late))
        free = {early.name, late.name} <= entity.values.keys() and late.name not in made
        if not free or early.type != late.type or early.type not in ("date", "timestamp", "integer", "number"):
            notes.append(f"{entity.table.name}: the CHECK of {order.early} and {order.late} is the database's alone.")
            continue
        if (
            late.type in ("integer", "number")
            and late.high is not None
            and late.declared not in ("integer", "int", "bigint")
        ):
            notes.append(f"{entity.table.name}: {late.name} is {early.name} and more, which may pass its precision.")
        made.add(late.name)
        entity.orders.append(order)
        step = f"draw.integer({literal(late.name)}, {int(order.strict)}, 30)"
        days = '.astype("timedelta64[D]")' if late.type in ("date", "timestamp") else ""
        kind = entity.values[late.name].kind
        entity.values[late.name] = Value(kind, f"{local(early.name)} + {step}{days}", draws=True)


def _draw_the_knobs(draft: Draft) -> None:
    """A pack of keys and knobs alone would give the same values for every seed, so its knobs are drawn."""
    names = {f'draw.constraint("{knob.name}")': knob for knob in draft.knobs}
    for entity in draft.entities:
        for column, value in entity.values.items():
            if knob := names.get(value.code):
                pool = f"Pool(({', '.join(map(literal, knob.allowed))},))"
                entity.values[column] = Value(value.kind, f"draw.choice({literal(column)}, {pool})", draws=True)
    draft.knobs.clear()
