"""The tree of errors."""

import re
from collections.abc import Iterator

from atdm_core import errors
from atdm_core.errors import AtdmError


def family(kind: type[AtdmError], depth: int = 0) -> Iterator[tuple[int, type[AtdmError]]]:
    """The error and all that derive from it in this module, parents first, with their depth."""
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child, depth + 1)


ALL = [kind for _, kind in family(AtdmError)]


def test_every_error_is_exported() -> None:
    """The module exports each error it defines, and nothing else."""
    assert sorted(kind.__name__ for kind in ALL) == sorted(errors.__all__)


def test_codes_are_unique_and_follow_the_name() -> None:
    """Every error has a code of its own, which is its name in upper case."""
    assert len({kind.code for kind in ALL}) == len(ALL)
    for kind in ALL:
        assert kind.code == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).upper()


def test_the_drawn_tree_is_the_real_one() -> None:
    """The tree at the top of the module is the tree of its classes."""
    lines = (errors.__doc__ or "").splitlines()
    drawn = [
        (len(found["lead"]) // 4, found["name"])
        for line in lines
        if (found := re.match(r"    (?P<lead>(?:[│├└ ][─ ]{2} )*)(?P<name>[A-Z]\w+)\b", line))
    ]
    assert drawn == [(depth, kind.__name__) for depth, kind in family(AtdmError)]


def test_an_error_carries_what_it_knows() -> None:
    """An error keeps its sentence, its run and its details."""
    error = errors.SeedFailed("the target refused", run_id="run", status=409)
    assert str(error) == error.message == "the target refused"
    assert error.run_id == "run"
    assert error.details == {"status": 409}
    assert AtdmError("x").run_id is None
