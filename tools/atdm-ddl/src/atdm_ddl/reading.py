"""DDL read with sqlglot: CREATE TABLE, TYPE, DOMAIN and UNIQUE INDEX, and what pg_dump adds by ALTER TABLE."""

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import sqlglot
from sqlglot import exp

from atdm_ddl.checks import apply_check
from atdm_ddl.schema import Column, ForeignKey, Schema, Table, Type

__all__ = ["UnreadableDdl", "read_ddl"]

_SERIAL: Final = (exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL)
_TYPES: Final[dict[Type, tuple[exp.DType, ...]]] = {
    "text": (exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.BPCHAR),
    "integer": (exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, *_SERIAL),
    "number": (exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.FLOAT),
    "boolean": (exp.DType.BOOLEAN,),
    "date": (exp.DType.DATE,),
    "timestamp": (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ),
    "uuid": (exp.DType.UUID,),
    "json": (exp.DType.JSON, exp.DType.JSONB),
    "array": (exp.DType.ARRAY,),
}
_LARGEST: Final = {
    exp.DType.SMALLINT: 2**15 - 1,
    exp.DType.SMALLSERIAL: 2**15 - 1,
    exp.DType.INT: 2**31 - 1,
    exp.DType.SERIAL: 2**31 - 1,
}
_NAMED: Final = r"""(?:[\w"]+\.)?("[^"]+"|\w+)"""
_DOMAIN: Final = re.compile(rf"\s*DOMAIN\s+{_NAMED}\s+(?:AS\s+)?([\s\S]+)", re.IGNORECASE)
_IDENTITY: Final = re.compile(
    rf"\s*TABLE\s+(?:ONLY\s+)?{_NAMED}\s+ALTER\s+(?:COLUMN\s+)?{_NAMED}\s+ADD\s+GENERATED", re.IGNORECASE
)
_FRESH: Final = re.compile("nextval|uuid", re.IGNORECASE)
_HARMLESS: Final = re.compile(
    r"\s*(?:DEFAULT\s+PRIVILEGES|FUNCTION|INDEX|SCHEMA|SEQUENCE|VIEW)\b"
    r"|.*\b(?:OWNER\s+TO|CLUSTER\s+ON|REPLICA\s+IDENTITY|SET\s+(?:STATISTICS|STORAGE))\b",
    re.IGNORECASE | re.DOTALL,
)
"""What ALTER may say that rows need not keep."""
_SILENT: Final = (exp.Set, exp.Select, exp.Comment, exp.Semicolon, exp.Transaction, exp.Commit, exp.Grant, exp.Revoke)


class UnreadableDdl(Exception):
    """The text is no SQL that can be read; the message says where."""


def read_ddl(text: str) -> Schema:
    """The schema that the statements leave behind; `UnreadableDdl` where they are no SQL."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("\\"))  # of psql, in dumps
    logger = logging.getLogger("sqlglot")  # it warns of statements that it keeps as text, which end up in the notes
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        statements = sqlglot.parse(text, dialect="postgres")
    except (sqlglot.ParseError, sqlglot.TokenError, RecursionError) as error:
        raise UnreadableDdl(f"the DDL cannot be read: {error}") from error
    finally:
        logger.setLevel(level)
    reader = _Reader()
    for statement in statements:
        if statement is not None:
            try:
                reader.read(statement)
            except KeyError as error:
                told = f"a key names the column {error}, which its table does not have"
                raise UnreadableDdl(f"the DDL cannot be read: {told}") from error
    _point_all(reader.schema)
    if not reader.schema.tables:
        raise UnreadableDdl("the DDL creates no table; give the CREATE TABLE statements of the schema")
    return reader.schema


def _point_all(schema: Schema) -> None:
    """Say of each foreign key which columns it points at: those of the primary key, where it did not."""
    for table in schema.tables.values():
        for place, key in enumerate(table.foreign_keys):
            parent = schema.tables.get(key.table)
            others = key.others or (parent.primary_key if parent else ())
            if parent and (len(others) != len(key.columns) or not parent.columns.keys() >= set(others)):
                told = f"({', '.join(key.columns)}) of {table.name} points at ({', '.join(others)}) of {key.table}"
                raise UnreadableDdl(f"the DDL cannot be read: the foreign key {told}")
            table.foreign_keys[place] = replace(key, others=others)


class _Reader:
    def __init__(self) -> None:
        self.schema = Schema()
        self._enums: dict[str, tuple[str, ...]] = {}
        self._domains: dict[str, exp.ColumnDef] = {}

    def read(self, statement: exp.Expr) -> None:
        match statement:
            case exp.Create():
                self._create(statement)
            case exp.Alter():
                table = self.schema.tables.get(_name(statement.this))
                if table is None:
                    self._note(statement)
                else:
                    for action in statement.args["actions"]:
                        self._alter(table, action)
            case exp.Command():
                self._command(statement)
            case _ if isinstance(statement, _SILENT):
                pass
            case exp.Insert():
                self.schema.notes.append(f"Rows of {_name(statement.this)}: the DDL inserts some; none were read.")
            case _:
                self._note(statement)

    def _create(self, create: exp.Create) -> None:
        kind = create.args.get("kind")
        if kind == "TABLE" and isinstance(create.this, exp.Schema) and not create.find(exp.TemporaryProperty):
            name = _name(create.this.this)
            if name in self.schema.tables:
                self.schema.notes.append(f"A second table {name}: only the first was read.")
                return
            table = self.schema.tables[name] = Table(name)
            parts: list[exp.Expr] = create.this.expressions
            for part in sorted(parts, key=lambda part: not isinstance(part, exp.ColumnDef)):
                self._add(table, part)
            if inherited := create.find(exp.InheritsProperty):
                self._note(inherited, of=name)
        elif kind == "TYPE" and isinstance(create.expression, exp.DataType):
            self._enums[_name(create.this)] = tuple(text.name for text in create.expression.expressions)
        elif kind == "INDEX" and isinstance(index := create.this, exp.Index):
            if create.args.get("unique"):
                self._unique_index(create, index)
        elif kind not in ("SEQUENCE", "SCHEMA", "VIEW"):
            self._note(create)

    def _unique_index(self, create: exp.Create, index: exp.Index) -> None:
        table, parameters = self.schema.tables.get(_name(index.args["table"])), index.args["params"]
        columns = [ordered.this for ordered in parameters.args.get("columns") or ()]
        if table is None or parameters.args.get("where") or not all(isinstance(c, exp.Column) for c in columns):
            self._note(create)
        else:
            table.unique.append(_names(columns))

    def _command(self, command: exp.Command) -> None:
        verb, words = command.name.upper(), str(command.args.get("expression") or "")
        if verb == "CREATE" and (domain := _DOMAIN.match(words)):
            self._add_domain(_unquoted(domain[1]), domain[2])
        elif verb == "ALTER" and (identity := _IDENTITY.match(words)):
            table = self.schema.tables.get(_unquoted(identity[1]))
            if table is not None:
                column = table.columns[_unquoted(identity[2])]
                column.given = column.fresh = True
        elif verb not in ("GRANT", "REVOKE") and not (verb == "ALTER" and _HARMLESS.match(words)):
            self._note(command)

    def _add_domain(self, name: str, words: str) -> None:
        """Read a domain as the column that it is all of, called VALUE as in its own checks."""
        try:
            self._domains[name] = sqlglot.parse_one(f"value {words}", into=exp.ColumnDef, dialect="postgres")
        except sqlglot.ParseError:
            self.schema.notes.append(f"Domain {name}: `{words}` was not read.")

    def _add(self, table: Table, part: exp.Expr) -> None:
        match part:
            case exp.ColumnDef():
                self._add_column(table, part)
            case exp.Constraint():
                for each in part.expressions:
                    self._add(table, each)
            case exp.PrimaryKey():
                self._set_key(table, _names(part.expressions))
            case exp.ForeignKey():
                self._add_reference(table, _names(part.expressions), part.args["reference"])
            case exp.UniqueColumnConstraint():
                table.unique.append(_names(part.this.expressions))
            case exp.CheckColumnConstraint():
                self._check(table, part.this)
            case _:
                self._note(part, of=table.name)

    def _add_column(self, table: Table, definition: exp.ColumnDef) -> None:
        column = self._column(definition)
        table.columns[column.name] = column
        for wrapper in (*self._of_domain(definition, column.name), *(definition.args.get("constraints") or ())):
            match constraint := wrapper.args["kind"]:
                case exp.PrimaryKeyColumnConstraint():
                    self._set_key(table, (column.name,))
                case exp.UniqueColumnConstraint():
                    table.unique.append((column.name,))
                case exp.Reference():
                    self._add_reference(table, (column.name,), constraint)
                case exp.CheckColumnConstraint():
                    self._check(table, constraint.this)
                case _ if not _describe(column, constraint):
                    self._note(wrapper, of=f"{table.name}.{column.name}")
                case _:
                    pass

    def _of_domain(self, definition: exp.ColumnDef, column: str) -> list[exp.Expr]:
        """What the column's domain, and the domain of that, say of it."""
        domain = self._domains.get(_own_type(definition))
        if domain is None:
            return []

        def name(node: exp.Expr) -> exp.Expr:
            is_value = isinstance(node, exp.Column) and node.name.lower() == "value"
            return exp.column(exp.to_identifier(column, quoted=True)) if is_value else node

        constraints: list[exp.Expr] = domain.args.get("constraints") or []
        return [*self._of_domain(domain, column), *(each.transform(name) for each in constraints)]

    def _column(self, definition: exp.ColumnDef) -> Column:
        name, kind, own = _name(definition), definition.args.get("kind"), _own_type(definition)
        declared = kind.sql(dialect="postgres").lower() if kind is not None else ""
        if own in self._domains:
            return replace(self._column(self._domains[own]), name=name, declared=declared)
        column = Column(name, "other", declared)
        if not isinstance(kind, exp.DataType):
            return column
        if own in self._enums:
            column.type, column.allowed = "text", self._enums[own]
            return column
        column.type = "text" if own == "citext" else _type(kind)
        sizes = [int(size.name) for size in kind.expressions if size.name.isdigit()]
        if column.type == "text":
            column.length = sizes[0] if sizes else (1 if kind.this == exp.DType.CHAR else None)
        elif column.type == "integer":
            column.high = _LARGEST.get(kind.this, 2**53)
            column.given = column.fresh = kind.this in _SERIAL
        elif column.type == "number" and sizes:
            column.places = sizes[1] if len(sizes) > 1 else 0
            column.high = float(10 ** (sizes[0] - column.places)) - 10.0**-column.places
        return column

    def _add_reference(self, table: Table, columns: tuple[str, ...], reference: exp.Reference) -> None:
        target = reference.this
        others = _names(target.expressions) if isinstance(target, exp.Schema) else ()
        name = _name(target.this if isinstance(target, exp.Schema) else target)
        _ = [table.columns[column] for column in columns]  # KeyError
        table.foreign_keys.append(ForeignKey(columns, name, others))

    def _set_key(self, table: Table, columns: tuple[str, ...]) -> None:
        table.primary_key = columns
        for name in columns:
            table.columns[name].nullable = False

    def _check(self, table: Table, check: exp.Expr) -> None:
        for part in apply_check(table, check):
            self.schema.notes.append(f"{table.name}: CHECK ({part}) is the database's alone.")

    def _alter(self, table: Table, action: exp.Expr) -> None:
        match action:
            case exp.ColumnDef():
                self._add_column(table, action)
            case exp.AddConstraint():
                for constraint in action.expressions:
                    self._add(table, constraint)
            case exp.AlterColumn() if (column := table.columns.get(_name(action))) is not None:
                if (default := action.args.get("default")) is not None:
                    _set_default(column, default)
                elif (allow_null := action.args.get("allow_null")) is not None:
                    column.nullable = bool(allow_null)
                else:
                    self._note(action, of=table.name)
            case _:
                self._note(action, of=table.name)

    def _note(self, statement: exp.Expr, of: str = "") -> None:
        words = " ".join(statement.sql(dialect="postgres").split())
        told = words if len(words) <= 100 else f"{words[:97]}..."
        self.schema.notes.append(f"{f'{of}: ' if of else ''}`{told}` was not read.")


def _describe(column: Column, constraint: exp.Expr) -> bool:
    """Whether the constraint says something of the column alone, or nothing that rows must keep."""
    match constraint:
        case exp.NotNullColumnConstraint():
            column.nullable = bool(constraint.args.get("allow_null"))
        case exp.DefaultColumnConstraint():
            _set_default(column, constraint.this)
        case exp.GeneratedAsIdentityColumnConstraint():
            column.given, column.computed = True, bool(constraint.args.get("expression"))
            column.fresh = not column.computed
            column.nullable = column.nullable and column.computed
        case exp.ComputedColumnConstraint():
            column.given = column.computed = True
        case exp.CollateColumnConstraint() | exp.CommentColumnConstraint():
            pass
        case _:
            return False
    return True


def _set_default(column: Column, value: exp.Expr) -> None:
    column.given = not isinstance(value, exp.Null)
    column.fresh = bool(_FRESH.search(value.sql(dialect="postgres")))


def _own_type(definition: exp.ColumnDef) -> str:
    """The name of a type that the schema makes itself; "" for those of PostgreSQL."""
    kind = definition.args.get("kind")
    own = isinstance(kind, exp.DataType) and kind.this == exp.DType.USERDEFINED and kind.args.get("kind")
    return _name(own) if isinstance(own, exp.Expr) else ""


def _type(kind: exp.DataType) -> Type:
    for type_, declared in _TYPES.items():
        if kind.this in declared:
            return type_
    return "other"


def _name(node: exp.Expr) -> str:
    """An identifier as PostgreSQL reads it: unquoted ones in lower case. A schema prefix is dropped."""
    inner: exp.Expr | None = node
    while isinstance(inner, exp.Expr) and not isinstance(inner, exp.Identifier):
        inner = inner.args.get("expression" if isinstance(inner, exp.Dot) else "this")
    if not isinstance(inner, exp.Identifier):
        return str(inner or "").lower()
    name: str = inner.name
    return name if inner.args.get("quoted") else name.lower()


def _names(nodes: Iterable[exp.Expr]) -> tuple[str, ...]:
    return tuple(map(_name, nodes))


def _unquoted(name: str) -> str:
    """The name that a word of a statement stands for."""
    return name.strip('"') if name.startswith('"') else name.lower()
