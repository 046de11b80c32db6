import json
import shlex
from itertools import pairwise

import pytest

from atdm.constraint_words import read_constraints
from atdm_core.values import ConstraintValue
from atdm_server.pages.copyable import copyable

NASTY: dict[str, ConstraintValue] = {
    "quote": 'it\'s "$HOME" `x` \\ !',
    "padded": " a ",
    "empty": "",
    "equals": "a=b",
    "null": None,
    "flag": True,
    "number": 3,
    "code": "00000",
}


def words_of(line: str) -> list[str]:
    """The words a shell sees; shlex does not know that a backslash at a line's end continues the line."""
    return shlex.split(line.replace("\\\n", " "))


@pytest.mark.parametrize("constraints", [{}, NASTY])
@pytest.mark.parametrize("domain", [None, "health care"])
def test_all_three_ask_for_the_same(constraints: dict[str, ConstraintValue], domain: str | None) -> None:
    """A shell and Python read out of each form exactly the scenario, the constraints and the domain that went in."""
    request = copyable("a_scenario", constraints, domain)

    curl = words_of(request.curl)
    assert json.loads(curl[curl.index("-d") + 1]) == {
        **({"domain": domain} if domain else {}),
        "scenario": "a_scenario",
        "constraints": constraints,
    }
    assert '"$ATDM_API_URL/test-data/requests"' in request.curl

    words = words_of(request.command)
    assert words[:3] == ["atdm", "request", "a_scenario"]
    assert read_constraints([after for word, after in pairwise(words) if word == "-c"]) == constraints
    assert (words[words.index("--domain") + 1] if "--domain" in words else None) == domain

    module: dict[str, object] = {}
    exec(compile(request.pytest, "copied", "exec"), module)  # it is what a reader would run
    (mark,) = getattr(module["test_a_scenario"], "pytestmark")  # noqa: B009 - pytest sets it, no type knows it
    assert mark.args == ("a_scenario",)
    assert mark.kwargs == {
        **({"domain": domain} if domain else {}),
        **({"constraints": constraints} if constraints else {}),
    }


def test_a_scenario_whose_name_is_no_identifier() -> None:
    """A scenario of any name makes a test that Python can read."""
    compile(copyable("a-b.c", {}).pytest, "copied", "exec")
