"""Identifiers of a statement as PostgreSQL reads them: unquoted ones in lower case."""

from collections.abc import Iterable

from sqlglot import exp

__all__ = ["name_of", "names_of", "schema_of", "unquoted"]


def name_of(node: exp.Expr | None) -> str:
    """The name of what a node stands for, without the schema before it."""
    inner = node
    while isinstance(inner, exp.Expr) and not isinstance(inner, exp.Identifier):
        inner = inner.args.get("expression" if isinstance(inner, exp.Dot) else "this")
    return _read(inner) if isinstance(inner, exp.Identifier) else str(inner or "").lower()


def names_of(nodes: Iterable[exp.Expr]) -> tuple[str, ...]:
    """The names of several nodes."""
    return tuple(map(name_of, nodes))


def schema_of(node: exp.Expr | None) -> str:
    """The schema that stands before the name of a table, an index or a type; "" where none does."""
    match node:
        case exp.Schema():
            return schema_of(node.this)
        case exp.Table() if isinstance(schema := node.args.get("db"), exp.Identifier):
            return _read(schema)
        case exp.Dot() if isinstance(schema := node.this, exp.Identifier):
            return _read(schema)
        case _:
            return ""


def unquoted(name: str) -> str:
    """The name that a word of a statement stands for."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _read(identifier: exp.Identifier) -> str:
    name: str = identifier.this
    return name if identifier.args.get("quoted") else name.lower()
