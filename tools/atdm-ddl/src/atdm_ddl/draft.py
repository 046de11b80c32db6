"""A pack as it will be written: which tables, in which order, and what stands in each column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from atdm_ddl.keys import RUN_COLUMN, key_behind, key_of, pointed_at, references_of, root_of, usable_tables
from atdm_ddl.meaning import Value, literal, places_of, range_of, value_of
from atdm_ddl.names import free_name, locals_of, slug, slugs_of
from atdm_ddl.ordering import in_order
from atdm_ddl.schema import Column, ForeignKey, Order, Schema, Table
from atdm_ddl.unique import ENOUGH, OfRun, range_of_run, value_of_run

__all__ = ["Draft", "EntityDraft", "Knob", "draft_pack"]

LONGEST_STEP = 30  # days, or units, from the earlier of two columns to the later


@dataclass(frozen=True)
class Knob:
    """A constraint: the texts that a column may hold, its default first."""

    name: str
    description: str
    allowed: tuple[str, ...]


@dataclass
class EntityDraft:
    """An entity and its generator: columns with their kind and the line that makes them.

    `parents`: the entity that a column refers to; `composites`: columns that must be like those of a row they refer to;
    `variables`: what a column is called where another is made from it.
    """

    table: Table
    key: str
    slug: str
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    parents: dict[str, str] = field(default_factory=dict[str, str])
    composites: list[tuple[str, ForeignKey]] = field(default_factory=list[tuple[str, ForeignKey]])
    orders: list[Order] = field(default_factory=list[Order])

    def __post_init__(self) -> None:
        self.variables = locals_of(self.table.columns)

    def is_of_run(self, column: str) -> bool:
        """Whether a column is made of the run."""
        return column in self.values and self.values[column].of_run


@dataclass
class Draft:
    """Entities, parents first, the constraints of the pack, and what people should know."""

    entities: list[EntityDraft] = field(default_factory=list[EntityDraft])
    knobs: list[Knob] = field(default_factory=list[Knob])
    notes: list[str] = field(default_factory=list[str])


def draft_pack(schema: Schema) -> Draft:
    """The pack of a schema. What its DDL says and the pack cannot honour is in `notes`."""
    draft = Draft(notes=list(schema.notes))
    tables = usable_tables(schema, draft.notes)
    keys = {name: key_of(table, tables) or "" for name, table in tables.items()}
    ordered, ahead = in_order(tables, keys)
    drafter = _Drafter(draft, tables, keys, ahead)
    for table in ordered:
        drafter.add(table)
    if not any(value.draws for entity in draft.entities for value in entity.values.values()):
        _draw_the_knobs(draft)
    return draft


class _Drafter:
    """Fills entities one after the other; `ahead` are the references, by table, that point at one made later."""

    def __init__(
        self, draft: Draft, tables: Mapping[str, Table], keys: Mapping[str, str], ahead: set[tuple[str, str]]
    ) -> None:
        self._draft = draft
        self._tables = tables
        self._ahead = ahead
        self._keys = keys
        self._made: dict[str, EntityDraft] = {}
        self._slugs = slugs_of(sorted(tables))

    def add(self, table: Table) -> None:
        """Draft the entity of a table."""
        entity = EntityDraft(table, self._keys[table.name], self._slugs[table.name])
        of_the_run = self._of_the_run(entity)
        for column in table.columns.values():
            if column.name == RUN_COLUMN or column.computed:
                continue
            value = self._value(entity, column, of_the_run)
            if value is None:
                self._tell(entity, column, f"{column.declared} is left to the database")
                continue
            entity.values[column.name] = value
            if value.note:
                self._tell(entity, column, value.note)
        _keep_orders(entity, self._draft.notes)
        self._draft.entities.append(entity)
        self._made[table.name] = entity

    def _tell(self, entity: EntityDraft, column: Column, note: str) -> None:
        self._draft.notes.append(f"{entity.table.name}.{column.name}: {note}.")

    def _value(self, entity: EntityDraft, column: Column, of_the_run: Mapping[str, Value]) -> Value | None:
        """What to make of a column; None: leave it to the database."""
        if references := references_of(entity.table, column.name):
            return self._reference(entity, column, references)
        if column.name == entity.key:
            note = f"{column.declared}: the target must give the real key" if column.type != "text" else ""
            return Value("Key()", f"draw.key({literal(entity.slug)})", note=note)
        if column.name in of_the_run:
            return of_the_run[column.name]
        if column.fresh or (column.type == "other" and (column.given or column.nullable)):
            return None
        ordered = any(column.name in (order.early, order.late) for order in entity.table.orders)
        if column.unsure and column.nullable and not ordered:
            return Value(value_of(column).kind, "None", note="null, because a CHECK names it that was not understood")
        return value_of(column) if column.allowed is None else self._one_of(entity.table, column, column.allowed)

    def _of_the_run(self, entity: EntityDraft) -> Mapping[str, Value]:
        """The columns that must be of the run, and never of the seed, to keep the UNIQUE constraints."""
        table, made = entity.table, dict[str, Value]()
        for names in sorted(table.unique, key=len):
            columns = [table.columns[name] for name in names]
            kept = {entity.key, *made}
            if any(each.name in kept or each.fresh or references_of(table, each.name) for each in columns):
                continue  # one of its values is no other row's already
            free = (column for column in columns if not column.computed)
            ways = {column.name: way for column in free if (way := value_of_run(column, _prefix(table, column)))}
            if ways:
                best = max(ways, key=lambda name: ways[name].values)
                made[best] = ways[best].value
            self._tell_chance(table, names, ways)
        return made

    def _tell_chance(self, table: Table, names: tuple[str, ...], ways: Mapping[str, OfRun]) -> None:
        told = f"{table.name}: UNIQUE ({', '.join(names)})"
        values = max((way.values for way in ways.values()), default=0)
        if not values:
            self._draft.notes.append(f"{told} may be broken by two rows or runs: nothing makes it unique.")
        elif values < ENOUGH:
            self._draft.notes.append(f"{told} has few values: two runs share one with a chance of 1 in {values:,}.")

    def _reference(self, entity: EntityDraft, column: Column, references: list[ForeignKey]) -> Value:
        if missing := next((key.table for key in references if key.table not in self._tables), None):
            return Value(value_of(column).kind, "None", note=f"null, because the pack cannot make a {missing}")
        key = self._first(entity, column, references)
        other = pointed_at(key, column.name)
        root = key_behind(key.table, other, self._tables, self._keys)
        target = key.table if other == self._keys[key.table] else root
        code = self._code(key.table, other)
        unlike = next((pair for pair in entity.table.unlike if column.name in pair), ())
        if column.nullable and all(name == column.name or name in entity.values for name in unlike) and unlike:
            return Value(_ref(target, column), "None", note=f"null, because {' and '.join(unlike)} must differ")
        if key.table == entity.table.name or (entity.table.name, key.table) in self._ahead:
            if column.nullable:
                cycle = f"{key.table} is made after it (a cycle)"
                tree = key.table == entity.table.name
                return Value(
                    _ref(target, column),
                    "None",
                    note="null, " + ("as of the root of a tree" if tree else f"because {cycle}"),
                )
            # A key is known before its row is made, and the row is there by the time the database looks.
            code = f"draw.key({literal(self._slugs[root])})" if root else None
        if target is None or code is None:
            return self._copy(entity, column, key, code)
        entity.parents[column.name] = target
        return Value(_ref(target, column), code)

    def _first(self, entity: EntityDraft, column: Column, references: list[ForeignKey]) -> ForeignKey:
        """The reference to keep; those that lead elsewhere cannot be kept as well."""
        first, *others = references
        roots = [root_of(key.table, pointed_at(key, column.name), self._tables) for key in references]
        for key, root in zip(others, roots[1:], strict=True):
            if root != roots[0]:
                self._tell(entity, column, f"refers to {first.table} and to {key.table}; only the first is kept")
        return first

    def _code(self, table: str, column: str) -> str | None:
        """How to get at a column of a row that was made before; None where nothing made it."""
        if column == self._keys[table]:
            return f"draw.ref({literal(table)})"
        made = table in self._made and column in self._made[table].values
        return f"draw.of({literal(table)}, {literal(column)})" if made else None

    def _copy(self, entity: EntityDraft, column: Column, key: ForeignKey, code: str | None) -> Value:
        """A column that is no key, and must be like that of the row that the others refer to."""
        other = pointed_at(key, column.name)
        if code is None:
            told = f"refers to {key.table}.{other}, which is not made before it"
            if column.nullable:
                return Value(value_of(column).kind, "None", note=f"null, because it {told}")
            return Value("Key()", f"draw.key({literal(self._slugs[key.table])})", note=f"{told}: make it by hand")
        made = self._made[key.table].values[other]
        if self._keys[key.table] in key.others and not made.kind.startswith("Key("):
            entity.composites.append((column.name, key))
        return Value(made.kind, code)

    def _one_of(self, table: Table, column: Column, allowed: tuple[str, ...]) -> Value:
        texts = f"({', '.join(map(literal, allowed))}{',' if len(allowed) == 1 else ''})"
        kind = f"OneOf(allowed={texts}{', nullable=True' if column.nullable else ''})"
        if len(allowed) == 1:
            return Value(kind, literal(allowed[0]))
        name = free_name(f"{slug(table.name)}_{slug(column.name)}", {knob.name for knob in self._draft.knobs})
        self._draft.knobs.append(Knob(name, f"The {column.name} of the {table.name}.", allowed))
        return Value(kind, f"draw.constraint({literal(name)})")


def _prefix(table: Table, column: Column) -> str:
    return f"{slug(table.name)}-{slug(column.name)}"


def _ref(target: str | None, column: Column) -> str:
    if target is None:
        return value_of(column).kind
    return f"Ref(entity={literal(target)}{', nullable=True' if column.nullable else ''})"


def _keep_orders(entity: EntityDraft, notes: list[str]) -> None:
    """Make the later column of each order from the earlier one, where both are days, instants or numbers."""
    made, left = set[str](), list[Order]()
    for order in _from_the_first(entity.table.orders):
        early, late = (entity.table.columns[name] for name in (order.early, order.late))
        of_run = entity.is_of_run(early.name)
        shrunk, longest = _with_room(early, late, of_run=of_run)
        free = late.name not in made | {kept.early for kept in entity.orders}
        free &= of_run or not entity.is_of_run(late.name)
        way = value_of_run(shrunk, "") if of_run else None
        moved = shrunk != early and (early.name in made or (of_run and way is None))
        if not free or moved or longest < order.strict or not _are_plain(entity, early, late):
            left.append(order)
            continue
        if shrunk != early:
            entity.values[early.name] = replace(
                way.value if way else value_of(shrunk), kind=entity.values[early.name].kind
            )
        if entity.is_of_run(late.name):
            longest = min(longest, 1)  # two rows have different ones, as they have different earlier ones
        made.add(late.name)
        entity.orders.append(order)
        shortest = longest if entity.is_of_run(late.name) else int(order.strict)
        code = f"{entity.variables[early.name]} + draw.integer({literal(late.name)}, {shortest}, {longest})"
        if late.type in ("date", "timestamp"):
            code += '.astype("timedelta64[D]")'
        elif late.type == "number":
            code = f"({code}).round({places_of(late)})"
        made_of_it = Value(entity.values[late.name].kind, code, draws=True)
        entity.values[late.name] = made_of_it.as_of_run() if of_run and not made_of_it.of_run else made_of_it
    for order in left:
        if not _follows(entity.orders, order):
            _leave(entity, order, notes)


def _from_the_first(orders: list[Order]) -> Iterator[Order]:
    """The orders, those of columns that nothing must precede first; a circle is entered where it comes up."""
    left = list(dict.fromkeys(orders))
    while left:
        late = {order.late for order in left}
        order = next((order for order in left if order.early not in late), left[0])
        left.remove(order)
        yield order


def _follows(kept: list[Order], order: Order) -> bool:
    """Whether an order follows from those that are kept."""
    before = {each.late: each for each in kept}
    column, strict = order.late, False
    while column in before:
        strict |= before[column].strict
        column = before[column].early
        if column == order.early:
            return strict or not order.strict
    return False


def _leave(entity: EntityDraft, order: Order, notes: list[str]) -> None:
    """Leave an order to the database, which does not look where one of the two is null."""
    told = f"{entity.table.name}: the CHECK of {order.early} and {order.late} is the database's alone"
    column = entity.table.columns[order.late]
    free = column.name in entity.values and column.nullable and not references_of(entity.table, column.name)
    if free and column.name not in {name for kept in entity.orders for name in (kept.early, kept.late)}:
        entity.values[column.name] = Value(value_of(column).kind, "None")
        told += f"; {column.name} is null"
    notes.append(f"{told}.")


def _are_plain(entity: EntityDraft, early: Column, late: Column) -> bool:
    drawn = (
        column.name in entity.values and column.name != entity.key and not references_of(entity.table, column.name)
        for column in (early, late)
    )
    return early.type == late.type and early.type in ("date", "timestamp", "integer", "number") and all(drawn)


def _with_room(early: Column, late: Column, *, of_run: bool) -> tuple[Column, int]:
    """The earlier column in a range, and the longest step, with which the later one stays in its own range."""
    if early.type not in ("date", "timestamp", "integer", "number") or early.type != late.type:
        return early, LONGEST_STEP
    first, last = range_of_run(early) if of_run else range_of(early)
    low = first if late.low is None else max(first, late.low)
    longest = LONGEST_STEP if late.high is None else min(LONGEST_STEP, int((late.high - low) // 2))
    high = last if late.high is None else min(last, late.high - longest)
    shrunk = replace(early, low=early.low if of_run and low == first else low, high=high)
    return (early if (low, high) == (first, last) else shrunk), longest


def _draw_the_knobs(draft: Draft) -> None:
    """A pack of keys and knobs alone would give the same values for every seed, so its knobs are drawn."""
    names = {f"draw.constraint({literal(knob.name)})": knob for knob in draft.knobs}
    for entity in draft.entities:
        for column, value in entity.values.items():
            if knob := names.get(value.code):
                pool = f"Pool(({', '.join(map(literal, knob.allowed))}))"
                entity.values[column] = Value(value.kind, f"draw.choice({literal(column)}, {pool})", draws=True)
    draft.knobs.clear()
