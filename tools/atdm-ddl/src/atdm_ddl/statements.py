"""The statements of a text of SQL, one by one, in spellings that sqlglot reads."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import Dialect
from sqlglot.tokenizer_core import Token, TokenType

__all__ = ["statements"]

_DATA: Final = re.compile(
    r"(^COPY\s[^;]*\sFROM\s+stdin[^;]*;)[^\n]*\n.*?^\\\.$", re.IGNORECASE | re.DOTALL | re.MULTILINE
)
_PSQL: Final = re.compile(r"^\\.*$", re.MULTILINE)
_TEXTS: Final = (TokenType.STRING, TokenType.BYTE_STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING)
_LISTED: Final = ("(", ",", "ADD")
"""What stands before a constraint of a table."""


def statements(text: str) -> Iterator[str]:
    """The statements, without what is psql's alone in dumps. Raises `TokenError` where a text has no end."""
    text = _PSQL.sub("", _DATA.sub(r"\1", text))
    tokens: list[Token] = []
    for token in Dialect.get_or_raise("postgres").tokenize(text):
        if token.token_type != TokenType.SEMICOLON:
            tokens.append(token)
        elif tokens:
            yield _respelled(tokens, text)
            tokens = []
    if tokens:
        yield _respelled(tokens, text)


def _respelled(tokens: Sequence[Token], text: str) -> str:
    parts, at = list[str](), tokens[0].start
    for first, last, spelling in _edits(tokens, text):
        parts += [text[at : tokens[first].start], spelling]
        at = tokens[last].end + 1
    return "".join([*parts, text[at : tokens[-1].end + 1]])


def _edits(tokens: Sequence[Token], text: str) -> Iterator[tuple[int, int, str]]:
    """The first and the last token of what sqlglot does not read, in order, and what to write for it."""
    words = [_word(token) for token in tokens]
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        match before, word:
            case ")", "VIRTUAL":  # a generated column is nobody else's to make, wherever it is kept
                yield place, place, "STORED"
            case ")", "ENFORCED":
                yield place, place, ""
            case ("NOT", "ENFORCED") | ("WITHOUT", "OVERLAPS") | ("NO", "INHERIT"):  # rows keep what they need not
                yield place - 1, place, ""
            case "BIT", "VARYING":
                yield place - 1, place, "varbit"
            case _, "CONSTRAINT" if before in _LISTED and words[place + 2 : place + 4] == ["NOT", "NULL"]:
                yield from _not_null(tokens, words, place + 2, text)
            case _:
                pass


def _not_null(tokens: Sequence[Token], words: Sequence[str], place: int, text: str) -> Iterator[tuple[int, int, str]]:
    """Spell `NOT NULL column`, a constraint of its own since PostgreSQL 18, as a CHECK."""
    column = place + 2
    if column < len(tokens) and (column + 1 == len(tokens) or words[column + 1] in (",", ")", "NO")):
        named = text[tokens[column].start : tokens[column].end + 1]
        yield place, column, f"CHECK ({named} IS NOT NULL)"


def _word(token: Token) -> str:
    """The word that a token is; "" for texts and quoted names."""
    return "" if token.token_type in (*_TEXTS, TokenType.IDENTIFIER) else token.text.upper()
