"""Names of a schema as names, and as words, of Python."""

import keyword
import re

__all__ = ["free_name", "local", "slug", "spoken"]


def slug(name: str) -> str:
    """A name as part of a Python name."""
    return re.sub(r"\W+|_+", "_", name).strip("_").lower() or "x"


def local(name: str) -> str:
    """A column's name as the name of a variable."""
    made = slug(name)
    return f"{made}_" if keyword.iskeyword(made) or made == "draw" else f"n{made}" if made[0].isdigit() else made


def spoken(name: str) -> str:
    """A name for a docstring, which it can neither end nor escape from."""
    return re.sub(r"[\"\\\s]+", " ", name).strip()


def free_name(name: str, taken: set[str]) -> str:
    """The name, or with the first number behind it that nobody has taken."""
    return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 1000))) if each not in taken)
