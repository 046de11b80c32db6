"""What the declaration of a column says of it: its type, and what stands behind that."""

import re
from typing import Final

from sqlglot import exp

from atdm_ddl.schema import Column, Type

__all__ = ["column_of_type", "describe", "own_type", "set_default"]

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
_FRESH: Final = re.compile("nextval|uuid", re.IGNORECASE)


def column_of_type(name: str, kind: exp.Expr | None) -> Column:
    """The column of a type of PostgreSQL."""
    declared = "" if kind is None else kind.sql(dialect="postgres").lower()
    column = Column(name, "other", declared, declared)
    if not isinstance(kind, exp.DataType):
        return column
    column.type = _type(kind)
    sizes = [int(size.name) for size in kind.expressions if size.name.isdigit()]
    if column.type == "text":
        column.length = sizes[0] if sizes else (1 if kind.this == exp.DType.CHAR else None)
    elif column.type == "integer":
        column.high = _LARGEST.get(kind.this, 2**53)
        column.given = column.fresh = kind.this in _SERIAL
    elif kind.this == exp.DType.DECIMAL and sizes:
        column.places = sizes[1] if len(sizes) > 1 else 0
        column.high = float(10 ** (sizes[0] - column.places)) - 10.0**-column.places
        column.low = -column.high
    return column


def own_type(definition: exp.Expr) -> exp.Expr | None:
    """The name of a type that is none of PostgreSQL's."""
    kind = definition.args.get("kind")
    own = kind.args.get("kind") if isinstance(kind, exp.DataType) and kind.this == exp.DType.USERDEFINED else None
    return own if isinstance(own, exp.Expr) else None


def describe(column: Column, constraint: exp.Expr) -> bool:
    """Whether the constraint says something of the column alone, or nothing that rows must keep."""
    match constraint:
        case exp.NotNullColumnConstraint():
            column.nullable = bool(constraint.args.get("allow_null"))
        case exp.DefaultColumnConstraint():
            set_default(column, constraint.this)
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


def set_default(column: Column, value: exp.Expr) -> None:
    """Say that the database makes a value where none comes."""
    column.given = not isinstance(value, exp.Null)
    column.fresh = bool(_FRESH.search(value.sql(dialect="postgres")))


def _type(kind: exp.DataType) -> Type:
    own = kind.args.get("kind")
    if kind.this == exp.DType.USERDEFINED and isinstance(own, exp.Expr):
        return "text" if own.name.lower() == "citext" else "other"
    for type_, declared in _TYPES.items():
        if kind.this in declared:
            return type_
    return "other"
