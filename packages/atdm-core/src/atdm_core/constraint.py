"""Constraints: the named knobs of a pack, and the check of what a request sets them to."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from atdm_core.errors import InvalidConstraint, UnknownConstraint
from atdm_core.values import ConstraintValue

__all__ = ["Constraint", "check_constraints"]

_LONGEST: Final = 80  # characters of a name or value in a message; the details have all of it
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class Constraint(Struct, frozen=True, kw_only=True):
    """A knob. `allowed` lists every value it can take (None: any of its type); null is a value like any other."""

    name: str
    description: str
    default: ConstraintValue
    allowed: tuple[ConstraintValue, ...] | None = None
    type: Literal["string", "integer", "number", "boolean"] = "string"

    def allows(self, value: Any) -> bool:
        """Whether the constraint may be set to `value`. True is not 1 here, and 1.0 is not 1."""
        if self.allowed is not None:
            return any(value == each and type(value) is type(each) for each in self.allowed)
        if isinstance(value, str) and "\0" in value:  # no database takes it
            return False
        return isinstance(value, _PYTHON_TYPES[self.type]) and isinstance(value, bool) == (self.type == "boolean")

    def __post_init__(self) -> None:
        if not self.allows(self.default):
            raise ValueError(f"constraint {self.name}: the default {self.default!r} is not among the allowed values")


def check_constraints(
    known: Mapping[str, Constraint], wanted: Mapping[str, ConstraintValue], *, domain: str
) -> Mapping[str, ConstraintValue]:
    """`wanted` itself; `UnknownConstraint` or `InvalidConstraint`, listing what exists, when a pack cannot take it."""
    for name, value in wanted.items():
        constraint = known.get(name)
        if constraint is None:
            raise UnknownConstraint(
                f"{domain} has no constraint {_cut(name)!r}; it has: {', '.join(known) or 'none'}",
                constraint=name,
                known=list(known),
            )
        if not constraint.allows(value):
            allowed = constraint.allowed
            texts = constraint.type == "string" if allowed is None else any(isinstance(each, str) for each in allowed)
            shown = _shown if texts and isinstance(value, str) else _encoded  # else "3" would look like 3
            told = f"any {constraint.type}" if allowed is None else ", ".join(map(shown, allowed))
            raise InvalidConstraint(
                f"{name} cannot be {shown(value)}; allowed: {told}",
                constraint=name,
                value=value,
                allowed=list(allowed) if allowed is not None else None,
            )
    return wanted


def _shown(value: ConstraintValue) -> str:
    return _cut(value) if isinstance(value, str) and value else _encoded(value)


def _encoded(value: ConstraintValue) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    """The text, or its beginning where it is too long for a message."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
