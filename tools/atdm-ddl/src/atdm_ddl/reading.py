"""DDL read with sqlglot: CREATE TABLE, TYPE, DOMAIN and UNIQUE INDEX, and what pg_dump adds by ALTER TABLE."""

import logging
import re
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

import sqlglot
from sqlglot import exp

from atdm_ddl.altering import drop_column, rename_column, rename_table, retype
from atdm_ddl.checks import apply_check
from atdm_ddl.declared import column_of_type, describe, own_type, set_default
from atdm_ddl.identifiers import name_of, names_of, schema_of, unquoted
from atdm_ddl.operands import bare
from atdm_ddl.partitions import Partitions
from atdm_ddl.schema import Column, ForeignKey, Schema, Table
from atdm_ddl.statements import statements

__all__ = ["UnreadableDdl", "read_ddl"]

Place: TypeAlias = tuple[str, str]
"""A schema of the database, and a name in it."""
T = TypeVar("T")

PUBLIC: Final = "public"
_WORD: Final = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_NAMED: Final = rf"(?:({_WORD})\.)?({_WORD})"
_DOMAIN: Final = re.compile(rf"\s*DOMAIN\s+{_NAMED}\s+(?:AS\s+)?([\s\S]+)", re.IGNORECASE)
_IDENTITY: Final = re.compile(
    rf"\s*TABLE\s+(?:ONLY\s+)?{_NAMED}\s+ALTER\s+(?:COLUMN\s+)?({_WORD})\s+ADD\s+GENERATED", re.IGNORECASE
)
_ATTACH: Final = re.compile(
    rf"\s*TABLE\s+(?:ONLY\s+)?({_NAMED})\s+ATTACH\s+PARTITION\s+({_NAMED})\s+([\s\S]+)", re.IGNORECASE
)
_SEARCH_PATH: Final = re.compile(rf"SET\s+(?:\w+\s+)?search_path\s*(?:=|TO)\s*'?({_WORD})", re.IGNORECASE)
_HARMLESS: Final = re.compile(
    r"\s*(?:OR\s+REPLACE\s+)?(?:MATERIALIZED\s+)?"
    r"(?:AGGREGATE|DEFAULT\s+PRIVILEGES|EXTENSION|FUNCTION|INDEX|PROCEDURE|SCHEMA|SEQUENCE|VIEW)\b"
    r"|.*\b(?:OWNER\s+TO|CLUSTER\s+ON|REPLICA\s+IDENTITY|SET\s+(?:STATISTICS|STORAGE))\b",
    re.IGNORECASE | re.DOTALL,
)
"""What ALTER and CREATE may say that rows need not keep."""
_SILENT: Final = (exp.Set, exp.Select, exp.Comment, exp.Semicolon, exp.Transaction, exp.Commit, exp.Grant, exp.Revoke)
_SILENT_WORDS: Final = ("COMMENT", "GRANT", "REVOKE", "SET")
_SILENT_KINDS: Final = ("SEQUENCE", "SCHEMA", "VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE", "EXTENSION")
"""What may be created without a word: it says nothing of rows by itself, as triggers and policies do."""


class UnreadableDdl(Exception):
    """The text is no SQL that can be read; the message says where."""


def read_ddl(text: str) -> Schema:
    """The schema that the statements leave behind; `UnreadableDdl` where they are no SQL, or create no table."""
    reader = _Reader()
    try:
        with _quiet():
            for statement in statements(text):
                reader.read(statement)
    except (sqlglot.TokenError, RecursionError) as error:
        raise UnreadableDdl(f"the DDL cannot be read: {error}") from error
    schema = reader.finish()
    _point_all(schema)
    return schema


@contextmanager
def _quiet() -> Generator[None]:
    """Without the warnings of sqlglot about statements that it keeps as text, which end up in the notes."""
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _point_all(schema: Schema) -> None:
    """Say of each foreign key which columns it points at: those of the primary key, where it did not."""
    for table in schema.tables.values():
        for place, key in enumerate(table.foreign_keys):
            parent = schema.tables.get(key.table)
            others = key.others or (parent.primary_key if parent else key.columns)
            if parent and (len(others) != len(key.columns) or not parent.columns.keys() >= set(others)):
                told = f"({', '.join(key.columns)}) of {table.name} points at ({', '.join(others)}) of {key.table}"
                raise UnreadableDdl(f"the DDL cannot be read: the foreign key {told}")
            table.foreign_keys[place] = replace(key, others=others)


class _Reader:
    def __init__(self) -> None:
        self._schema = PUBLIC
        self._tables: dict[Place, Table] = {}
        self._enums: dict[Place, tuple[str, ...]] = {}
        self._domains: dict[Place, exp.ColumnDef] = {}
        self._partitions: dict[Place, Partitions] = {}
        self._notes: list[tuple[Table | None, str]] = []
        self._unread: list[str] = []

    def read(self, text: str) -> None:
        """Read a statement; one that cannot be parsed is noted."""
        try:
            statement = sqlglot.parse_one(text, dialect="postgres")
        except sqlglot.ParseError as error:
            if text.split(maxsplit=1)[0].upper() not in _SILENT_WORDS:
                told = error.errors[0] if error.errors else {}
                self._unread.append(f"{_shown(text)} was not read: {told.get('description')} at `{told['highlight']}`")
                self._notes.append((None, f"{self._unread[-1]}."))
            return
        if (path := _SEARCH_PATH.match(text)) is not None:
            self._schema = unquoted(path[1])
            return
        try:
            self._read(statement)
        except KeyError as error:
            told = f"a key names the column {error}, which its table does not have"
            raise UnreadableDdl(f"the DDL cannot be read: {told}") from error

    def finish(self) -> Schema:
        """The tables of the schema of the database that has most of them, which alone a target serves."""
        if not self._tables:
            why = f"the DDL cannot be read: {self._unread[0]}" if self._unread else "the DDL creates no table"
            raise UnreadableDdl(f"{why}; give the CREATE TABLE statements of the schema")
        for place, partitions in self._partitions.items():
            if told := partitions.fit(self._tables[place]):
                self._notes.append((self._tables[place], told))
        ((home, _),) = Counter(schema for schema, _ in self._tables).most_common(1)
        schema = Schema({name: table for (of, name), table in self._tables.items() if of == home})
        schema.notes += [told for table, told in self._notes if table is None or table.schema == home]
        if home != PUBLIC:
            end = f"?options=-csearch_path%3D{quote(home)}%2C{PUBLIC}"
            schema.notes.append(f"All tables are in schema {home}: end the URL of the target's database with {end}.")
        for other in dict.fromkeys(of for of, _ in self._tables if of != home):
            names = ", ".join(name for of, name in self._tables if of == other)
            schema.notes.append(f"Tables of the schema {other} ({names}): left out, for a target serves one: {home}.")
        return schema

    def _read(self, statement: exp.Expr) -> None:
        match statement:
            case exp.Create():
                self._create(statement)
            case exp.Alter():
                table = self._tables.get(self._place(statement.this))
                if table is None:
                    self._note(statement)
                else:
                    for action in statement.args["actions"]:
                        self._alter(table, action, statement.find(exp.ToTableProperty))
            case exp.Command():
                self._command(statement)
            case _ if isinstance(statement, _SILENT):
                pass
            case exp.Drop() if statement.args.get("kind") == "TABLE":
                for place in map(self._place, statement.args["tables"]):
                    self._tables.pop(place, None)
                    self._partitions.pop(place, None)
            case exp.Insert() | exp.Copy():
                self._notes.append((None, f"Rows of {name_of(statement.this)}: the DDL inserts some; none were read."))
            case _:
                self._note(statement)

    def _create(self, create: exp.Create) -> None:
        kind = create.args.get("kind")
        if part := create.find(exp.PartitionedOfProperty):
            self._attach(self._place(create.this), part)
        elif kind == "TABLE" and isinstance(create.this, exp.Schema) and not create.find(exp.TemporaryProperty):
            self._create_table(create)
        elif kind == "TYPE" and isinstance(create.expression, exp.DataType):
            self._enums[self._place(create.this)] = tuple(text.name for text in create.expression.expressions)
        elif kind == "INDEX" and isinstance(index := create.this, exp.Index):
            if create.args.get("unique"):
                self._unique_index(create, index)
        elif kind not in _SILENT_KINDS:
            self._note(create)

    def _create_table(self, create: exp.Create) -> None:
        place = self._place(create.this)
        schema, name = place
        if place in self._tables:
            self._notes.append((None, f"A second table {name}: only the first was read."))
            return
        table = self._tables[place] = Table(name, schema)
        if parts := Partitions.of(create):
            self._partitions[place] = parts
        if inherited := create.find(exp.InheritsProperty):
            for parent in inherited.expressions:
                self._copy(table, parent, inherited)
        elements: list[exp.Expr] = create.this.expressions
        for part in sorted(elements, key=lambda part: not isinstance(part, exp.ColumnDef | exp.LikeProperty)):
            self._add(table, part)

    def _attach(self, place: Place, part: exp.PartitionedOfProperty) -> None:
        """Make a table a partition of another: its rows are written through that."""
        self._tables.pop(place, None)
        if (partitions := self._partitions.get(self._place(part.this))) is not None:
            partitions.bounds.append(part.expression)
        self._partitions.pop(place, None)

    def _copy(self, table: Table, source: exp.Expr, clause: exp.Expr) -> None:
        """Give a table the columns of another, as INHERITS and LIKE do, and what LIKE includes of the rest."""
        parent = self._tables.get(self._place(source))
        if parent is None:
            self._note(clause, of=table)
            return
        included = {
            name_of(option.args.get("value")) for option in clause.expressions if isinstance(option, exp.Property)
        }
        inherits = isinstance(clause, exp.InheritsProperty)
        given = inherits or bool(included & {"all", "defaults", "identity"})
        for column in parent.columns.values():
            kept = given or column.computed
            table.columns[column.name] = replace(column, given=kept and column.given, fresh=kept and column.fresh)
        if inherits or included & {"all", "constraints"}:
            table.orders += parent.orders
        if included & {"all", "indexes"}:
            table.primary_key, table.unique = parent.primary_key, [*table.unique, *parent.unique]

    def _unique_index(self, create: exp.Create, index: exp.Index) -> None:
        """Read a unique index; one on letters of one case is kept by texts of one, one on some rows by all."""
        table, parameters = self._tables.get(self._place(index.args["table"])), index.args["params"]
        keys = [bare(ordered.this) for ordered in parameters.args.get("columns") or ()]
        columns = [bare(key.this) if isinstance(key, exp.Lower | exp.Upper) else key for key in keys]
        if table is None or not all(isinstance(column, exp.Column) for column in columns):
            self._note(create)
        else:
            table.unique.append(names_of(columns))

    def _command(self, command: exp.Command) -> None:
        verb, words = command.name.upper(), str(command.args.get("expression") or "")
        if verb == "CREATE" and (domain := _DOMAIN.match(words)):
            self._add_domain(self._named(domain[1], domain[2]), domain[3])
        elif verb == "ALTER" and (identity := _IDENTITY.match(words)):
            table = self._tables.get(self._named(identity[1], identity[2]))
            if table is not None:
                column = table.columns[unquoted(identity[3])]
                column.given = column.fresh = True
        elif verb == "ALTER" and (attach := _ATTACH.match(words)):
            self.read(f"CREATE TABLE {attach[4]} PARTITION OF {attach[1]} {attach[7]}")
        elif verb not in _SILENT_WORDS and not (verb in ("ALTER", "CREATE") and _HARMLESS.match(words)):
            self._note(command)

    def _add_domain(self, place: Place, words: str) -> None:
        """Read a domain as the column that it is all of, called VALUE as in its own checks."""
        try:
            self._domains[place] = sqlglot.parse_one(f"value {words}", into=exp.ColumnDef, dialect="postgres")
        except sqlglot.ParseError:
            self._notes.append((None, f"Domain {place[1]}: `{words}` was not read."))

    def _add(self, table: Table, part: exp.Expr) -> None:
        match part:
            case exp.ColumnDef():
                self._add_column(table, part)
            case exp.LikeProperty():
                self._copy(table, part.this, part)
            case exp.Constraint():
                for each in part.expressions:
                    self._add(table, each)
            case exp.PrimaryKey():
                self._set_key(table, names_of(part.expressions))
            case exp.ForeignKey():
                self._add_reference(table, names_of(part.expressions), part.args["reference"])
            case exp.UniqueColumnConstraint():
                self._add_unique(table, names_of(part.this.expressions), part)
            case exp.CheckColumnConstraint():
                self._check(table, part.this)
            case _:
                self._note(part, of=table)

    def _add_column(self, table: Table, definition: exp.ColumnDef) -> None:
        column = self._column(definition)
        table.columns[column.name] = column
        for wrapper in (*self._of_domain(definition, column.name), *(definition.args.get("constraints") or ())):
            match constraint := wrapper.args["kind"]:
                case exp.PrimaryKeyColumnConstraint():
                    self._set_key(table, (column.name,))
                case exp.UniqueColumnConstraint():
                    self._add_unique(table, (column.name,), constraint)
                case exp.Reference():
                    self._add_reference(table, (column.name,), constraint)
                case exp.CheckColumnConstraint():
                    self._check(table, constraint.this)
                case _ if not describe(column, constraint):
                    self._note(wrapper, of=table, column=column.name)
                case _:
                    pass

    def _of_domain(self, definition: exp.ColumnDef, column: str) -> list[exp.Expr]:
        """What the column's domain, and the domain of that, say of it."""
        domain = self._found(self._domains, own_type(definition))
        if domain is None:
            return []

        def name(node: exp.Expr) -> exp.Expr:
            is_value = isinstance(node, exp.Column) and node.name.lower() == "value"
            return exp.column(exp.to_identifier(column, quoted=True)) if is_value else node

        constraints: list[exp.Expr] = domain.args.get("constraints") or []
        return [*self._of_domain(domain, column), *(each.transform(name) for each in constraints)]

    def _column(self, definition: exp.ColumnDef) -> Column:
        column, own = column_of_type(name_of(definition), definition.args.get("kind")), own_type(definition)
        if (domain := self._found(self._domains, own)) is not None:
            return replace(self._column(domain), name=column.name, declared=column.declared)
        if (texts := self._found(self._enums, own)) is not None:
            column.type, column.allowed = "text", texts
        return column

    def _add_reference(self, table: Table, columns: tuple[str, ...], reference: exp.Reference) -> None:
        target = reference.this
        others = names_of(target.expressions) if isinstance(target, exp.Schema) else ()
        schema, name = self._place(target)
        _ = [table.columns[column] for column in columns]  # KeyError
        table.foreign_keys.append(ForeignKey(columns, name if schema == table.schema else f"{schema}.{name}", others))

    def _add_unique(self, table: Table, columns: tuple[str, ...], constraint: exp.Expr) -> None:
        table.unique.append(columns)
        if constraint.args.get("nulls") and any(table.columns[name].nullable for name in columns):
            told = f"UNIQUE NULLS NOT DISTINCT ({', '.join(columns)})"
            self._notes.append((table, f"{table.name}: {told}: rows with null there are not kept apart."))

    def _set_key(self, table: Table, columns: tuple[str, ...]) -> None:
        table.primary_key = columns
        for name in columns:
            table.columns[name].nullable = False

    def _check(self, table: Table, check: exp.Expr) -> None:
        for part in apply_check(table, check):
            self._notes.append((table, f"{table.name}: CHECK ({part}) is the database's alone."))

    def _alter(self, table: Table, action: exp.Expr, new_name: exp.Expr | None) -> None:
        match action:
            case exp.ColumnDef():
                self._add_column(table, action)
            case exp.AddConstraint():
                for constraint in action.expressions:
                    self._add(table, constraint)
            case exp.AlterColumn() if (column := table.columns.get(name_of(action))) is not None:
                self._alter_column(table, column, action)
            case exp.Drop() if action.args.get("kind") == "COLUMN":
                for dropped in names_of(action.args["tables"]):
                    drop_column(table, dropped)
            case exp.RenameColumn() | exp.AlterRename():
                self._rename(table, action, action.args.get("to") or new_name)
            case _:
                self._note(action, of=table)

    def _alter_column(self, table: Table, column: Column, action: exp.AlterColumn) -> None:
        if (default := action.args.get("default")) is not None:
            set_default(column, default)
        elif (allow_null := action.args.get("allow_null")) is not None:
            column.nullable = bool(allow_null)
        elif (kind := action.args.get("dtype")) is not None:
            made = self._column(exp.ColumnDef(this=action.this.copy(), kind=kind.copy()))
            table.columns[column.name] = retype(column, made)
        elif action.args.get("drop"):
            column.given = column.fresh = False
        else:
            self._note(action, of=table)

    def _rename(self, table: Table, action: exp.Expr, to: exp.Expr | None) -> None:
        """Rename a column `to` something, or the table where nothing is said to be renamed."""
        if to is not None:
            rename_column(self._tables.values(), table, name_of(action.this), name_of(to))
            return
        old, new = (table.schema, table.name), (table.schema, name_of(action.this))
        rename_table(self._tables.values(), table, new[1])
        self._tables[new] = self._tables.pop(old)
        if old in self._partitions:
            self._partitions[new] = self._partitions.pop(old)

    def _place(self, node: exp.Expr) -> Place:
        return schema_of(node) or self._schema, name_of(node)

    def _named(self, schema: str | None, name: str) -> Place:
        return unquoted(schema) if schema else self._schema, unquoted(name)

    def _found(self, known: Mapping[Place, T], name: exp.Expr | None) -> T | None:
        """What is known under a name; in another schema, too, where none is named and the search path's has none."""
        if name is None:
            return None
        place = self._place(name)
        elsewhere = (each for (_, called), each in known.items() if called == place[1] and not schema_of(name))
        return known[place] if place in known else next(elsewhere, None)

    def _note(self, statement: exp.Expr, of: Table | None = None, column: str = "") -> None:
        words = _shown(statement.sql(dialect="postgres", comments=False))
        named = f"{of.name}.{column}" if of and column else of.name if of else ""
        self._notes.append((of, f"{f'{named}: ' if named else ''}{words} was not read."))


def _shown(sql: str) -> str:
    words = " ".join(sql.split())
    return f"`{words if len(words) <= 100 else f'{words[:97]}...'}`"
