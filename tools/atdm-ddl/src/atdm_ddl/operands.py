"""What stands on the two sides of a comparison in a CHECK: columns, texts, numbers, and lists of them."""

import re
from datetime import date

from sqlglot import exp

from atdm_ddl.identifiers import name_of
from atdm_ddl.schema import Column, Table

__all__ = ["bare", "choices_of", "column_of", "day_of", "is_now", "number_of", "text_of"]


def bare(node: exp.Expr) -> exp.Expr:
    """Without the brackets and the casts that pg_dump writes around everything."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def column_of(table: Table, node: exp.Expr) -> Column | None:
    """The column of the table that a node is; None where it is something else."""
    node = bare(node)
    is_name = isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier)
    return table.columns.get(name_of(node)) if is_name else None


def text_of(node: exp.Expr) -> str | None:
    """The text that a node is; None where it is something else."""
    node = bare(node)
    is_text = isinstance(node, exp.ByteString) or (isinstance(node, exp.Literal) and node.is_string)
    return node.this if is_text else None


def number_of(node: exp.Expr) -> float | None:
    """The number that a node is; None where it is something else."""
    node = bare(node)
    if isinstance(node, exp.Neg):
        number = number_of(node.this)
        return None if number is None else -number
    try:
        return float(node.this) if isinstance(node, exp.Literal) else None
    except ValueError:
        return None


def day_of(node: exp.Expr) -> date | None:
    """The day that a text begins with; None where it is something else."""
    found = re.match(r"\d{4}-\d\d-\d\d", text_of(node) or "")
    try:
        return None if found is None else date.fromisoformat(found[0])
    except ValueError:
        return None


def is_now(node: exp.Expr) -> bool:
    """Whether a node is the present day or instant."""
    return isinstance(bare(node), exp.CurrentDate | exp.CurrentTimestamp)


def choices_of(part: exp.Expr) -> list[exp.Expr]:
    """What stands in a list, in an array behind ANY or ALL, as pg_dump writes lists, or alone."""
    if isinstance(part, exp.In):
        return list(part.expressions)
    of_all = isinstance(part.expression, exp.Anonymous) and part.expression.name.upper() == "ALL"
    if not of_all and not isinstance(part.expression, exp.Any):
        return [part.expression]
    array = part.expression.find(exp.Array)
    if array is not None:
        return list(array.expressions)
    text = part.expression.find(exp.Literal)
    listed = re.fullmatch(r"\{([^\\\"{}]+)\}", "" if text is None else text.name)
    return [exp.Literal.string(each.strip()) for each in listed[1].split(",")] if listed else []
