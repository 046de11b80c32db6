"""CHECK constraints of texts: which there may be, how long they are, what they look like."""

import re
from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from atdm_ddl.operands import bare, choices_of, column_of, number_of, text_of
from atdm_ddl.schema import Column, Table

__all__ = ["allow", "allow_either", "deny", "match", "resize"]

_CASES: Final = {exp.Upper: r"\A[^a-z]*\Z", exp.Lower: r"\A[^A-Z]*\Z"}
_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


def allow(table: Table, part: exp.In | exp.EQ) -> bool:
    """Keep to the texts of a list, or to the case that a column is compared with."""
    column, texts = _texts(table, part)
    if column is not None and texts:
        kept = tuple(text for text in column.allowed or texts if text in texts)
        column.allowed = kept or column.allowed
        return bool(kept)
    return isinstance(part, exp.EQ) and (
        _in_case(table, part.this, part.expression) or _in_case(table, part.expression, part.this)
    )


def allow_either(table: Table, parts: Sequence[exp.Expr]) -> bool:
    """Keep to the texts of one of several lists for the same column."""
    found = [_texts(table, part) for part in parts if isinstance(part, exp.In | exp.EQ)]
    column, texts = found[0][0] if found else None, [text for _, texts in found for text in texts]
    if len(found) < len(parts) or column is None or not all(of is column and texts for of, texts in found):
        return False
    column.allowed = tuple(dict.fromkeys(text for text in texts if text in (column.allowed or texts)))
    return bool(column.allowed)


def deny(table: Table, part: exp.Expr) -> bool:
    """Keep away from one text, or from those of a list; "" and blanks are never made."""
    if text_of(part.args.get("expression") or exp.Null()) == "" and _trimmed(table, part.this) is not None:
        return True
    column, texts = _texts(table, part)
    if column is None or not texts:
        return False
    if column.allowed is not None:
        kept = tuple(text for text in column.allowed if text not in texts)
        column.allowed = kept or column.allowed
        return bool(kept)
    column.patterns += (rf"\A(?!(?:{'|'.join(map(re.escape, texts))})\Z)",)
    return True


def match(table: Table, part: exp.Expr, *, denied: bool) -> bool:
    """Keep to a pattern of LIKE, ILIKE, `~` or `~*`, or away from it."""
    escape = "\\"
    if isinstance(part, exp.Escape):
        part, escape = part.this, text_of(part.expression) or ""
    denied ^= bool(part.args.get("negate"))
    column, text = column_of(table, part.this), text_of(part.expression)
    if column is None or text is None:
        return False
    if isinstance(part, exp.RegexpLike | exp.RegexpILike):
        body, whole = re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), text), ""
    else:
        body, whole = _like(text, escape), r"\Z"
    body = f"(?i:{body})" if isinstance(part, exp.ILike | exp.RegexpILike) else f"(?:{body})"
    anything = r"[\s\S]*" if not whole else ""
    pattern = rf"\A(?!{anything}{body}{whole})" if denied else rf"\A{anything}{body}{whole}"
    try:
        re.compile(pattern)
    except re.error:
        return False
    column.patterns += (pattern,)
    if whole and not denied:
        column.hints += ("".join(_LIKE_TEXT.get(token, token[-1]) for token in _tokens(text, escape)),)
    return True


def resize(table: Table, kind: type[exp.Expr], length: exp.Length, right: exp.Expr) -> bool:
    """Keep to a shortest, or a longest, text."""
    column, bound = _trimmed(table, length.this), number_of(right)
    if column is None or bound is None:
        return False
    if kind in (exp.LT, exp.LTE, exp.EQ):
        longest = int(bound) - (kind is exp.LT)
        column.length = longest if column.length is None else min(column.length, longest)
    if kind in (exp.GT, exp.GTE, exp.EQ):
        column.shortest = max(column.shortest, int(bound) + (kind is exp.GT))
    return True


_LIKE_TEXT: Final = {"%": "", "_": "Z"}


def _like(pattern: str, escape: str) -> str:
    """The regular expression of a pattern of LIKE."""
    places = {"%": "[\\s\\S]*", "_": "[\\s\\S]"}
    return "".join(places.get(token) or re.escape(token[-1]) for token in _tokens(pattern, escape))


def _tokens(pattern: str, escape: str) -> list[str]:
    return re.findall(rf"{re.escape(escape)}[\s\S]|[\s\S]" if escape else r"[\s\S]", pattern)


def _texts(table: Table, part: exp.Expr) -> tuple[Column | None, list[str]]:
    """The column, and the texts, that a part compares; no text where one of them is something else."""
    column, texts = column_of(table, part.this), [text_of(choice) for choice in choices_of(part)]
    told = [text for text in texts if text is not None]
    return (column if column and column.type == "text" else None), told if len(told) == len(texts) else []


def _in_case(table: Table, left: exp.Expr, right: exp.Expr) -> bool:
    """Whether one side is the other in capital, or small, letters, or without blanks."""
    column, called = column_of(table, left), bare(right)
    if column is None or not isinstance(called, exp.Upper | exp.Lower | exp.Trim):
        return False
    if column_of(table, called.this) is not column:
        return False
    if not isinstance(called, exp.Trim):
        column.patterns += (_CASES[type(called)],)
    return True


def _trimmed(table: Table, node: exp.Expr) -> Column | None:
    """A column of texts, whose blanks may be cut off; what is made has none."""
    node = bare(node)
    column = column_of(table, node.this if isinstance(node, exp.Trim) else node)
    return column if column is not None and column.type == "text" else None
