"""CREATE, ALTER and DROP TABLE, replayed statement by statement onto drafts of tables."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import sqlglot
from sqlglot import exp

_SERIAL_TYPES: Final = (exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL)
_MADE_BY_THE_DATABASE: Final = (
    exp.DefaultColumnConstraint,
    exp.GeneratedAsIdentityColumnConstraint,
    exp.ComputedColumnConstraint,
)
_DOMAIN: Final = re.compile(r'\s*DOMAIN\s+((?:[\w"]+\.)?(?:"[^"]+"|\w+))\s+(?:AS\s+)?([\s\S]+)', re.IGNORECASE)
_PREFIX: Final = re.compile(r'^(?:"[^"]+"|\w+)\.')
_ACTIONS: Final = ("CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class ColumnDraft:
    """A column as far as the statements have told."""

    name: str
    type: str
    nullable: bool
    has_default: bool


@dataclass(frozen=True)
class ForeignKeyDraft:
    """A foreign key; no referenced columns means the other table's primary key, maybe declared later."""

    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...]
    on_delete: str | None


@dataclass
class TableDraft:
    """A table as far as the statements have told; foreign keys by the name PostgreSQL gives them."""

    name: str
    columns: dict[str, ColumnDraft] = field(default_factory=dict[str, ColumnDraft])
    primary_key: tuple[str, ...] = ()
    foreign_keys: dict[str, ForeignKeyDraft] = field(default_factory=dict[str, ForeignKeyDraft])


def apply_statement(drafts: dict[str, TableDraft], statement: exp.Expr) -> None:
    """Replay one statement; anything that says nothing about a table is passed over."""
    match statement:
        case exp.Create(this=exp.Schema() as body) if statement.args.get("kind") == "TABLE":
            if not statement.find(exp.TemporaryProperty):
                _create(drafts, body, statement.find(exp.InheritsProperty))
        case exp.Alter() if statement.args.get("kind") == "TABLE":
            if (draft := drafts.get(_name(statement.this))) is not None:
                for action in statement.args["actions"]:
                    _alter(drafts, draft, action, statement.find(exp.ToTableProperty))
        case exp.Drop() if statement.args.get("kind") == "TABLE":
            for table in statement.args["tables"]:
                drafts.pop(_name(table), None)
        case _:
            pass


def read_domain(statement: exp.Expr) -> Mapping[str, str]:
    """The type behind a domain that the statement creates, by the domain's name as a type; none for others."""
    words = str(statement.args.get("expression") or "") if isinstance(statement, exp.Command) else ""
    found = _DOMAIN.match(words)
    if found is None:
        return {}
    try:
        kind = sqlglot.parse_one(f"value {found[2]}", into=exp.ColumnDef, dialect="postgres").args.get("kind")
        return {without_schema(_type(exp.DataType.build(found[1], dialect="postgres", udt=True))): _type(kind)}
    except sqlglot.ParseError:
        return {}


def without_schema(name: str) -> str:
    """The name of a type alone."""
    return _PREFIX.sub("", name)


def _create(drafts: dict[str, TableDraft], body: exp.Schema, inherited: exp.InheritsProperty | None) -> None:
    name = _name(body.this)
    if name in drafts:  # IF NOT EXISTS; otherwise the database has refused it already
        return
    draft = drafts[name] = TableDraft(name)
    for parent in inherited.expressions if inherited else ():
        _copy(draft, drafts.get(_name(parent)), ["defaults"])
    for part in body.expressions:
        if isinstance(part, exp.LikeProperty):
            _copy(draft, drafts.get(_name(part.this)), [_name(each.args["value"]) for each in part.expressions])
        else:
            _add(draft, part)


def _copy(draft: TableDraft, source: TableDraft | None, included: Collection[str]) -> None:
    """Give a table the columns of another, with what LIKE includes of their defaults and of its key."""
    if source is None:
        return
    has_defaults = "all" in included or "defaults" in included
    for column in source.columns.values():
        required = not column.nullable or column.name in source.primary_key
        draft.columns[column.name] = replace(
            column, nullable=not required, has_default=has_defaults and column.has_default
        )
    if "all" in included or "indexes" in included:
        draft.primary_key = source.primary_key


def _add(draft: TableDraft, part: exp.Expr, constraint_name: str | None = None) -> None:
    """Add a column or a table constraint."""
    match part:
        case exp.ColumnDef():
            _add_column(draft, part)
        case exp.Constraint():
            for constraint in part.expressions:
                _add(draft, constraint, _name(part))
        case exp.PrimaryKey():
            draft.primary_key = _names(part.expressions)
        case exp.ForeignKey():
            _add_foreign_key(draft, _names(part.expressions), part.args["reference"], constraint_name)
        case _:
            pass


def _add_column(draft: TableDraft, definition: exp.ColumnDef) -> None:
    name, kind = _name(definition), definition.args.get("kind")
    constraints = [(constraint, constraint.args["kind"]) for constraint in definition.args.get("constraints") or ()]
    kinds = [constraint for _wrapper, constraint in constraints]
    serial = isinstance(kind, exp.DataType) and kind.this in _SERIAL_TYPES
    identity = any(isinstance(constraint, exp.GeneratedAsIdentityColumnConstraint) for constraint in kinds)
    required = any(
        isinstance(constraint, exp.NotNullColumnConstraint) and not constraint.args.get("allow_null")
        for constraint in kinds
    )
    draft.columns[name] = ColumnDraft(
        name=name,
        type=_type(kind),
        nullable=not (required or serial or identity),
        has_default=serial or any(isinstance(constraint, _MADE_BY_THE_DATABASE) for constraint in kinds),
    )
    for wrapper, constraint in constraints:
        if isinstance(constraint, exp.PrimaryKeyColumnConstraint):
            draft.primary_key = (name,)
        elif isinstance(constraint, exp.Reference):
            _add_foreign_key(draft, (name,), constraint, _name(wrapper) or None)


def _add_foreign_key(
    draft: TableDraft, columns: tuple[str, ...], reference: exp.Reference, constraint_name: str | None
) -> None:
    target = reference.this
    referenced = _names(target.expressions) if isinstance(target, exp.Schema) else ()
    references = _name(target.this if isinstance(target, exp.Schema) else target)
    key = constraint_name or "_".join((draft.name, *columns, "fkey"))
    draft.foreign_keys[key] = ForeignKeyDraft(columns, references, referenced, _on_delete(reference))


def _alter(drafts: dict[str, TableDraft], draft: TableDraft, action: exp.Expr, new_name: exp.Expr | None) -> None:
    match action:
        case exp.ColumnDef():
            _add_column(draft, action)
        case exp.AddConstraint():
            for constraint in action.expressions:
                _add(draft, constraint)
        case exp.AlterColumn():
            _alter_column(draft, action)
        case exp.Drop():
            for dropped in map(_name, action.args["tables"]):
                _drop_part(draft, dropped)
        case exp.RenameColumn():
            _rename_column(drafts, draft, _name(action.this), _name(action.args["to"]))
        case exp.AlterRename() if new_name is not None:  # RENAME a TO b, a column without the word COLUMN
            _rename_column(drafts, draft, _name(action.this), _name(new_name))
        case exp.AlterRename():
            _rename_table(drafts, draft, _name(action.this))
        case _:
            pass


def _alter_column(draft: TableDraft, action: exp.AlterColumn) -> None:
    column = draft.columns.get(_name(action))
    if column is None:
        return
    if (kind := action.args.get("dtype")) is not None:
        column = replace(column, type=_type(kind))
    if (allow_null := action.args.get("allow_null")) is not None:
        column = replace(column, nullable=bool(allow_null))
    elif action.args.get("drop"):
        column = replace(column, has_default=False)
    if action.args.get("default") is not None:
        column = replace(column, has_default=True)
    draft.columns[column.name] = column


def _drop_part(draft: TableDraft, name: str) -> None:
    """Drop a column with the foreign keys over it, or a constraint; such names seldom collide."""
    draft.columns.pop(name, None)
    if name in draft.primary_key:
        draft.primary_key = ()
    draft.foreign_keys = {
        key: foreign_key
        for key, foreign_key in draft.foreign_keys.items()
        if key != name and name not in foreign_key.columns
    }


def _rename_column(drafts: dict[str, TableDraft], draft: TableDraft, old: str, new: str) -> None:
    def renamed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    draft.columns = {
        (new if name == old else name): replace(column, name=new) if name == old else column
        for name, column in draft.columns.items()
    }
    draft.primary_key = renamed(draft.primary_key)
    draft.foreign_keys = {
        key: replace(foreign_key, columns=renamed(foreign_key.columns))
        for key, foreign_key in draft.foreign_keys.items()
    }
    for other in drafts.values():
        for key, foreign_key in other.foreign_keys.items():
            if foreign_key.references == draft.name:
                referenced = renamed(foreign_key.referenced_columns)
                other.foreign_keys[key] = replace(foreign_key, referenced_columns=referenced)


def _rename_table(drafts: dict[str, TableDraft], draft: TableDraft, new: str) -> None:
    old = draft.name
    drafts[new] = drafts.pop(old)
    draft.name = new
    for other in drafts.values():
        for key, foreign_key in other.foreign_keys.items():
            if foreign_key.references == old:
                other.foreign_keys[key] = replace(foreign_key, references=new)


def _name(node: exp.Expr) -> str:
    """An identifier as PostgreSQL reads it: unquoted ones in lower case. A schema prefix is dropped."""
    inner = node
    while isinstance(inner, exp.Expr) and not isinstance(inner, exp.Identifier):
        inner = inner.args.get("this")
    if not isinstance(inner, exp.Identifier):
        return str(inner or "").lower()
    name: str = inner.name
    return name if inner.args.get("quoted") else name.lower()


def _names(nodes: Iterable[exp.Expr]) -> tuple[str, ...]:
    return tuple(map(_name, nodes))


def _on_delete(reference: exp.Reference) -> str | None:
    """What the database does by itself with a row when the one it points at is deleted."""
    options: list[str] = reference.args.get("options") or []
    return next((action.lower() for action in _ACTIONS if f"ON DELETE {action}" in options), None)


def _type(kind: exp.Expr | None) -> str:
    return "" if kind is None else kind.sql(dialect="postgres").lower()
