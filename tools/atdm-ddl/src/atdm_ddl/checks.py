"""CHECK constraints: what they say of one column, or of the order of two; the rest is noted."""

import math
import re
from collections.abc import Iterator

from sqlglot import exp

from atdm_ddl.schema import Column, Order, Table

__all__ = ["apply_check", "like_pattern"]

_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}


def apply_check(table: Table, check: exp.Expr) -> list[str]:
    """Apply a CHECK to the columns of its table; the SQL of the parts that nothing could be made of."""
    left = [part for part in _conjuncts(check) if not _apply(table, part)]
    for named in (named for part in left for named in part.find_all(exp.Column)):
        if (column := _column(table, named)) is not None:
            column.unsure = True
    return [part.sql(dialect="postgres") for part in left]


def like_pattern(pattern: str) -> str:
    """The regular expression of a pattern of LIKE, whose escape is the backslash."""
    places = {"%": "[\\s\\S]*", "_": "[\\s\\S]"}
    tokens: list[str] = re.findall(r"\\.|[\s\S]", pattern)
    return "".join(places.get(token) or re.escape(token[-1]) for token in tokens)


def _conjuncts(check: exp.Expr) -> Iterator[exp.Expr]:
    check = _bare(check)
    if isinstance(check, exp.And):
        yield from _conjuncts(check.this)
        yield from _conjuncts(check.expression)
    else:
        yield check


def _apply(table: Table, part: exp.Expr) -> bool:
    """Whether something could be made of a part."""
    match part:
        case exp.Escape():
            return _apply(table, part.this)
        case exp.In() | exp.EQ() | exp.NEQ():
            return _apply_texts(table, part)
        case exp.Like():
            return _apply_like(table, part)
        case exp.Between() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            return _apply_range(table, part)
        case exp.Not():
            return _apply_not_null(table, _bare(part.this))
        case _:
            return False


def _apply_texts(table: Table, part: exp.In | exp.EQ | exp.NEQ) -> bool:
    return _apply_denied(table, part) if isinstance(part, exp.NEQ) else _apply_allowed(table, part.this, _choices(part))


def _choices(part: exp.In | exp.EQ) -> list[exp.Expr]:
    """What stands in a list, in the array of `= ANY (ARRAY[...])`, as pg_dump writes lists, or alone."""
    if isinstance(part, exp.In):
        return list(part.expressions)
    if isinstance(part.expression, exp.Any):
        array = part.expression.find(exp.Array)
        return [] if array is None else list(array.expressions)
    return [part.expression]


def _apply_like(table: Table, like: exp.Like) -> bool:
    column, text = _column(table, like.this), _text(like.expression)
    if column is None or text is None:
        return False
    column.likes += (text,)
    return True


def _apply_range(table: Table, part: exp.Expr) -> bool:
    if isinstance(part, exp.Between):
        low = _apply_bound(table, exp.GTE, part.this, part.args["low"])
        return _apply_bound(table, exp.LTE, part.this, part.args["high"]) and low
    return _apply_comparison(table, part)


def _apply_not_null(table: Table, denied: exp.Expr) -> bool:
    column = _column(table, denied.this) if isinstance(denied, exp.Is) else None
    if column is None or not isinstance(denied.expression, exp.Null):
        return False
    column.nullable = False
    return True


def _apply_allowed(table: Table, left: exp.Expr, choices: list[exp.Expr]) -> bool:
    column = _column(table, left)
    texts, numbers = [_text(choice) for choice in choices], [_number(choice) for choice in choices]
    if column is None or not choices:
        return False
    if column.type == "text" and None not in texts:
        told = [text for text in texts if text is not None]
        column.allowed = tuple(text for text in column.allowed or told if text in told)
        return True
    known = sorted(number for number in numbers if number is not None)
    if column.type != "integer" or len(known) != len(choices) or known[-1] - known[0] != len(known) - 1:
        return False
    _narrow(column, low=known[0], high=known[-1])
    return True


def _apply_denied(table: Table, part: exp.NEQ) -> bool:
    column, text = _column(table, part.this), _text(part.expression)
    if column is None or text is None:
        return False
    if column.allowed is not None:
        column.allowed = tuple(each for each in column.allowed if each != text)
        return True
    return text == ""  # which is never made


def _apply_comparison(table: Table, part: exp.Expr) -> bool:
    kind, left, right = type(part), part.this, part.expression
    one, other = _column(table, left), _column(table, right)
    if one is not None and other is not None:
        early, late = (one, other) if kind in (exp.LT, exp.LTE) else (other, one)
        table.orders.append(Order(early.name, late.name, strict=kind in (exp.LT, exp.GT)))
        return True
    if _number(left) is not None:
        return _apply_bound(table, _FLIPPED[kind], right, left)
    return _apply_bound(table, kind, left, right)


def _apply_bound(table: Table, kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> bool:
    bound, left = _number(right), _bare(left)
    if bound is None:
        return False
    if isinstance(left, exp.Length):
        column = _column(table, left.this)
        if column is None:
            return False
        if kind in (exp.LT, exp.LTE):
            longest = int(bound) - (kind is exp.LT)
            column.length = longest if column.length is None else min(column.length, longest)
            return True
        return bound <= 1  # no text that is made is empty
    column = _column(table, left)
    if column is None or column.type not in ("integer", "number"):
        return False
    step = 1 if column.type == "integer" else 10.0 ** -(2 if column.places is None else column.places)
    if kind in (exp.GT, exp.GTE):
        _narrow(column, low=bound + step * (kind is exp.GT))
    else:
        _narrow(column, high=bound - step * (kind is exp.LT))
    return True


def _narrow(column: Column, *, low: float = -math.inf, high: float = math.inf) -> None:
    low = max(low, -math.inf if column.low is None else column.low)
    high = min(high, math.inf if column.high is None else column.high)
    column.low = None if math.isinf(low) else low
    column.high = None if math.isinf(high) else high


def _bare(node: exp.Expr) -> exp.Expr:
    """Without the brackets and the casts that pg_dump writes around everything."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _column(table: Table, node: exp.Expr) -> Column | None:
    node = _bare(node)
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        return None
    name: str = node.name if node.this.args.get("quoted") else node.name.lower()
    return table.columns.get(name)


def _text(node: exp.Expr) -> str | None:
    node = _bare(node)
    return node.this if isinstance(node, exp.Literal) and node.is_string else None


def _number(node: exp.Expr) -> float | None:
    node = _bare(node)
    if isinstance(node, exp.Neg):
        number = _number(node.this)
        return None if number is None else -number
    try:
        return float(node.this) if isinstance(node, exp.Literal) else None
    except ValueError:
        return None
