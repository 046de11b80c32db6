"""CHECK constraints: what they say of one column, or of the order of two; the rest is noted."""

import math
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Final

from sqlglot import exp

from atdm_ddl import texts
from atdm_ddl.operands import bare, choices_of, column_of, day_of, is_now, number_of
from atdm_ddl.schema import Column, Order, Table

__all__ = ["apply_check"]

_FLIPPED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_UP: Final = (exp.GT, exp.GTE)
LONG_AGO, FAR_AHEAD = date(2015, 1, 1), date(2100, 1, 1)
"""Days before and after which a fixed day says nothing that hangs on the day of a bundle, which is between these."""
FIRST_BUNDLE, LAST_BUNDLE = date(2020, 1, 1), date(2090, 1, 1)


def apply_check(table: Table, check: exp.Expr) -> list[str]:
    """Apply a CHECK to the columns of its table; the SQL of the parts that nothing could be made of."""
    left = [part for part in _conjuncts(check) if not _apply(table, part)]
    for named in (named for part in left for named in part.find_all(exp.Column)):
        if (column := column_of(table, named)) is not None:
            column.unsure = True
    return [part.sql(dialect="postgres", comments=False) for part in left]


def _conjuncts(check: exp.Expr) -> Iterator[exp.Expr]:
    check = bare(check)
    if isinstance(check, exp.And):
        yield from _conjuncts(check.this)
        yield from _conjuncts(check.expression)
    else:
        yield check


def _apply(table: Table, part: exp.Expr) -> bool:
    """Whether something could be made of a part."""
    match part:
        case exp.Between() if not part.args.get("symmetric"):
            low = _apply_bound(table, exp.GTE, part.this, part.args["low"])
            return _apply_bound(table, exp.LTE, part.this, part.args["high"]) and low
        case exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            return _apply_comparison(table, part)
        case exp.Is():
            return _apply_is(table, part)
        case exp.Not():
            return _apply_denied(table, bare(part.this))
        case exp.Or():
            return _apply_either(table, part)
        case _:
            return _apply_texts(table, part)


def _apply_texts(table: Table, part: exp.Expr) -> bool:
    match part:
        case exp.In() | exp.EQ():
            return texts.allow(table, part) or _apply_equal(table, part)
        case exp.NEQ():
            return texts.deny(table, part) or _apply_unequal(table, part)
        case exp.Like() | exp.ILike() | exp.RegexpLike() | exp.RegexpILike() | exp.Escape():
            return texts.match(table, part, denied=False)
        case _:
            return _apply_boolean(table, part, is_true=True)


def _apply_denied(table: Table, part: exp.Expr) -> bool:
    match part:
        case exp.In() | exp.EQ():
            return texts.deny(table, part)
        case exp.Like() | exp.ILike() | exp.RegexpLike() | exp.RegexpILike() | exp.Escape():
            return texts.match(table, part, denied=True)
        case exp.Is():
            return not part.args.get("negate") and _apply_not_null(table, part)
        case _:
            return _apply_boolean(table, part, is_true=False)


def _apply_is(table: Table, part: exp.Is) -> bool:
    if part.args.get("negate"):
        return _apply_not_null(table, part)
    truth = part.expression
    return isinstance(truth, exp.Boolean) and _apply_boolean(table, part.this, is_true=bool(truth.this))


def _apply_not_null(table: Table, part: exp.Is) -> bool:
    column = column_of(table, part.this)
    if column is None or not isinstance(part.expression, exp.Null):
        return False
    column.nullable = False
    return True


def _apply_either(table: Table, either: exp.Or) -> bool:
    """Keep to one of several lists of texts; or to what a column must keep where it is not null."""
    parts = [bare(part) for part in either.flatten()]
    nulls = [part for part in parts if _is_null(part)]
    others = [part for part in parts if not _is_null(part)]
    if not nulls:
        return texts.allow_either(table, parts)
    named = {column.name for part in others for column in part.find_all(exp.Column)}
    if len(others) != 1 or not named >= {column.name for part in nulls for column in part.find_all(exp.Column)}:
        return False
    applied = [_apply(table, part) for part in _conjuncts(others[0])]
    return all(applied)


def _is_null(part: exp.Expr) -> bool:
    return isinstance(part, exp.Is) and isinstance(part.expression, exp.Null) and not part.args.get("negate")


def _apply_equal(table: Table, part: exp.In | exp.EQ) -> bool:
    """Keep to whole numbers of a list (the most that leave none out between them), to a boolean, or to a length."""
    length = bare(part.this)
    if isinstance(length, exp.Length) and isinstance(part, exp.EQ):
        return texts.resize(table, exp.EQ, length, part.expression)
    column, choices = column_of(table, part.this), choices_of(part)
    if isinstance(truth := bare(choices[0]) if len(choices) == 1 else None, exp.Boolean):
        return _apply_boolean(table, part.this, is_true=bool(truth.this))
    known = sorted({number for number in map(number_of, choices) if number is not None})
    if column is None or column.type != "integer" or not known or len(known) < len(choices):
        return False
    stretches = groupby(enumerate(known), key=lambda numbered: numbered[1] - numbered[0])
    longest = max(([number for _, number in stretch] for _, stretch in stretches), key=len)
    _narrow(column, low=longest[0], high=longest[-1])
    return True


def _apply_boolean(table: Table, node: exp.Expr, *, is_true: bool) -> bool:
    column = column_of(table, node)
    if column is None or column.type != "boolean":
        return False
    _narrow(column, low=is_true, high=is_true)
    return True


def _apply_unequal(table: Table, part: exp.NEQ) -> bool:
    """Keep away from zero; two columns that must differ are noted as such."""
    column, other = column_of(table, part.this), column_of(table, part.expression)
    if column is not None and other is not None:
        table.unlike.append((column.name, other.name))
    if column is None or column.type not in ("integer", "number") or number_of(part.expression) != 0:
        return False
    return _apply_bound(table, exp.GT, part.this, part.expression)


def _apply_comparison(table: Table, part: exp.Expr) -> bool:
    kind, left, right = type(part), part.this, part.expression
    one, other = column_of(table, left), column_of(table, right)
    if one is not None and other is not None:
        early, late = (one, other) if kind in (exp.LT, exp.LTE) else (other, one)
        table.orders.append(Order(early.name, late.name, strict=kind in (exp.LT, exp.GT)))
        return True
    if number_of(left) is not None or day_of(left) or is_now(left):
        return _apply_bound(table, _FLIPPED[kind], right, left)
    return _apply_bound(table, kind, left, right)


def _apply_bound(table: Table, kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> bool:
    if isinstance(length := bare(left), exp.Length):
        return texts.resize(table, kind, length, right)
    column, bound = column_of(table, left), number_of(right)
    if column is None:
        return False
    if column.type in ("date", "timestamp"):
        return _apply_day(column, kind, right)
    if bound is None or column.type not in ("integer", "number"):
        return False
    step = 1 if column.type == "integer" else 10.0 ** -(2 if column.places is None else column.places)
    if kind in _UP:
        _narrow(column, low=bound + step * (kind is exp.GT))
    else:
        _narrow(column, high=bound - step * (kind is exp.LT))
    return True


def _apply_day(column: Column, kind: type[exp.Expr], right: exp.Expr) -> bool:
    """Keep to days, as numbers of them after that of the bundle, which mostly is the present one."""
    day = day_of(right)
    if is_now(right):
        _narrow(column, low=1) if kind in _UP else _narrow(column, high=-1)
    elif day is not None and kind in _UP and day < LONG_AGO:
        _narrow(column, low=(day - FIRST_BUNDLE).days + 1)
    elif day is not None and kind not in _UP and day >= FAR_AHEAD:
        _narrow(column, high=(day - LAST_BUNDLE).days - 1)
    else:
        return False
    return True


def _narrow(column: Column, *, low: float = -math.inf, high: float = math.inf) -> None:
    low = max(low, -math.inf if column.low is None else column.low)
    high = min(high, math.inf if column.high is None else column.high)
    column.low = None if math.isinf(low) else low
    column.high = None if math.isinf(high) else high
