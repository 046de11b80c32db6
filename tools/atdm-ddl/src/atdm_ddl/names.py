"""Names of a schema as names, and as words, of Python."""

import keyword
import re
from collections.abc import Iterable, Mapping

__all__ = ["free_name", "local", "locals_of", "slug", "slugs_of", "spoken"]


def slug(name: str) -> str:
    """A name as part of a Python name."""
    letters = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in name.lower())
    return re.sub(r"_+", "_", letters).strip("_") or "x"


def slugs_of(names: Iterable[str]) -> Mapping[str, str]:
    """The slug of each name, no two of them alike."""
    return _unlike({name: slug(name) for name in names})


def local(name: str) -> str:
    """A column's name as the name of a variable or a function."""
    made = slug(name)
    return f"{made}_" if keyword.iskeyword(made) or made == "draw" else made if made.isidentifier() else f"n{made}"


def locals_of(names: Iterable[str]) -> Mapping[str, str]:
    """The variable for each column of a table, no two of them alike."""
    return _unlike({name: local(name) for name in names})


def spoken(name: str) -> str:
    """A name for a docstring, which it can neither end nor escape from."""
    return re.sub(r"[\"\\\s]+", " ", name).strip()


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, or with the first number behind it that nobody has taken."""
    return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 1000))) if each not in taken)


def _unlike(made: Mapping[str, str]) -> Mapping[str, str]:
    unlike = dict[str, str]()
    for name, word in made.items():
        unlike[name] = free_name(word, unlike.values())
    return unlike
