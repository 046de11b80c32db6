"""DDL read with sqlglot: CREATE TABLE, TYPE, DOMAIN and UNIQUE INDEX, and what pg_dump adds by ALTER TABLE."""

import logging
import re
from collections.abc import Iterable
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
}
_LARGEST: Final = {
    exp.DType.SMALLINT: 2**15 - 1,
    exp.DType.SMALLSERIAL: 2**15 - 1,
    exp.DType.INT: 2**31 - 1,
    exp.DType.SERIAL: 2**31 - 1,
}
_DOMAIN: Final = re.compile(r"\s*DOMAIN\s+(?:\w+\.)?\"?(\w+)\"?\s+(?:AS\s+)?([\s\S]+)", re.IGNORECASE)
_IDENTITY: Final = re.compile(
    r"\s*TABLE\s+(?:ONLY\s+)?(?:\w+\.)?\"?(\w+)\"?\s+ALTER\s+(?:COLUMN\s+)?\"?(\w+)\"?\s+ADD\s+GENERATED", re.IGNORECASE
)
_SILENT: Final = (exp.Set, exp.Select, exp.Comment, exp.Semicolon, exp.Transaction, exp.Commit)


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
            reader.read(statement)
    if not reader.schema.tables:
        raise UnreadableDdl("the DDL creates no table; give the CREATE TABLE statements of the schema")
    return reader.schema


class _Reader:
    def __init__(self) -> None:
        self.schema = Schema()
        self._enums: dict[str, tuple[str, ...]] = {}
        self._domains: dict[str, exp.DataType] = {}

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
        words = str(command.args.get("expression") or "")
        if command.name.upper() == "CREATE" and (domain := _DOMAIN.match(words)):
            self._domain(domain[1], domain[2])
        elif command.name.upper() == "ALTER" and (identity := _IDENTITY.match(words)):
            table = self.schema.tables.get(identity[1])
            if table is not None and identity[2] in table.columns:
                table.columns[identity[2]].given = True
        elif command.name.upper() not in ("GRANT", "REVOKE", "ALTER"):
            self._note(command)

    def _domain(self, name: str, words: str) -> None:
        base, check, _ = words.partition("CHECK")
        plain = re.sub(r"\s+(NOT\s+NULL|DEFAULT|CONSTRAINT)\b[\s\S]*", "", base.strip(), flags=re.IGNORECASE)
        try:
            self._domains[name] = exp.DataType.build(plain, dialect="postgres")
        except sqlglot.ParseError:
            self.schema.notes.append(f"Domain {name}: `{words}` was not read.")
        if check:
            told = " ".join(words[len(base) :].split())
            self.schema.notes.append(f"Domain {name}: its {told} is the database's alone.")

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
        for wrapper in definition.args.get("constraints") or ():
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

    def _column(self, definition: exp.ColumnDef) -> Column:
        name, kind = _name(definition), definition.args.get("kind")
        declared = kind.sql(dialect="postgres").lower() if kind is not None else ""
        column = Column(name, "other", declared)
        if not isinstance(kind, exp.DataType):
            return column
        own = _name(kind.args["kind"]) if kind.this == exp.DType.USERDEFINED and kind.args.get("kind") else ""
        if own in self._enums:
            column.type, column.allowed = "text", self._enums[own]
            return column
        kind = self._domains.get(own, kind)
        column.type = "text" if own == "citext" else _type(kind)
        sizes = [int(size.name) for size in kind.expressions if size.name.isdigit()]
        if column.type == "text":
            column.length = sizes[0] if sizes else (1 if kind.this == exp.DType.CHAR else None)
        elif column.type == "integer":
            column.high, column.given = _LARGEST.get(kind.this, 2**53), kind.this in _SERIAL
        elif column.type == "number" and sizes:
            column.places = sizes[1] if len(sizes) > 1 else 0
            column.high = float(10 ** (sizes[0] - column.places)) - 10.0**-column.places
        return column

    def _add_reference(self, table: Table, columns: tuple[str, ...], reference: exp.Reference) -> None:
        target = reference.this
        others = _names(target.expressions) if isinstance(target, exp.Schema) else ()
        name = _name(target.this if isinstance(target, exp.Schema) else target)
        options: list[str] = reference.args.get("options") or []
        table.foreign_keys.append(ForeignKey(columns, name, others, "DEFERRABLE" in options))

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
                if action.args.get("default") is not None:
                    column.given = True
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
            column.given = True
        case exp.GeneratedAsIdentityColumnConstraint():
            column.given, column.computed = True, bool(constraint.args.get("expression"))
            column.nullable = False
        case exp.ComputedColumnConstraint():
            column.given = column.computed = True
        case exp.CollateColumnConstraint() | exp.CommentColumnConstraint():
            pass
        case _:
            return False
    return True


def _type(kind: exp.DataType) -> Type:
    for type_, declared in _TYPES.items():
        if kind.this in declared:
            return type_
    return "other"


def _name(node: exp.Expr) -> str:
    """An identifier as PostgreSQL reads it: unquoted ones in lower case. A schema prefix is dropped."""
    inner: exp.Expr | None = node
    while isinstance(inner, exp.Expr) and not isinstance(inner, exp.Identifier):
        inner = inner.args.get("this")
    if not isinstance(inner, exp.Identifier):
        return str(inner or "").lower()
    name: str = inner.name
    return name if inner.args.get("quoted") else name.lower()


def _names(nodes: Iterable[exp.Expr]) -> tuple[str, ...]:
    return tuple(map(_name, nodes))
