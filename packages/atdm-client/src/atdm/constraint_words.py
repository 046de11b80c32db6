"""Constraints as words of a command line: `name=text`, or `name:=json` for a value that is no text."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, cast

from cyclopts import Parameter, Token

__all__ = ["ConstraintWords", "read_constraints"]


def read_constraints(words: Sequence[str]) -> Mapping[str, object]:
    """The constraints that the words name; text stays text, because 00000 is a code and not a number.

    Raises ValueError, with a line for the person who typed it.
    """
    constraints: dict[str, object] = {}
    for word in words:
        name, value = _read(word)
        if name in constraints:
            raise ValueError(f"{name!r} is given more than once; give it one value")
        constraints[name] = value
    return constraints


def _read(word: str) -> tuple[str, object]:
    name, equals, value = (part.strip() for part in word.partition("="))
    typed = name.endswith(":")
    name = name.removesuffix(":").strip()
    if not (name and equals):
        raise ValueError(f"{word!r} is not of the form key=value, as in -c claim_status=denied")
    if not typed:
        return name, value
    try:
        return name, cast("object", json.loads(value))
    except ValueError:
        example = f"{name}:=3, {name}:=true or {name}:=null"
        raise ValueError(f"{value!r} in {word!r} is not JSON; write {example}, or {name}=text") from None


def _convert(_: type, tokens: Sequence[Token]) -> list[tuple[str, object]]:
    return list(read_constraints([token.value for token in tokens]).items())


# A list of pairs: a mapping would be spread over options of its own, --constraint.NAME.
ConstraintWords = Annotated[
    list[tuple[str, object]],
    Parameter(name=("-c", "--constraint"), converter=_convert, n_tokens=1, metavar="KEY=VALUE"),
]
