"""The walk through a page notices when the page is wrong."""

import os
from pathlib import Path

import pytest

from tests.docs.walkthrough import Step, Walk, read_steps

RUN, OTHER = "01KS3J3H4D4AFCQD98SEPJCPBP", "01M82AJGKEWZSA64KQWY6W6VC1"


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    """A reader in an empty folder, where the page's port 1 is port 2."""
    return Walk(tmp_path, os.environ, {":1": ":2"})


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (f"echo run {OTHER}", f"run {RUN}"),
        (f"echo {OTHER} {OTHER}", f"{RUN} {RUN}"),
        ("echo one; echo two; echo three", "one\n...\nthree"),
        ("echo 'a   b'; echo -----", "a b\n---"),
        ("echo at :2", "at :1"),
        ("echo FAILED it; exit 1", "FAILED it"),
    ],
)
def test_output_as_shown(walk: Walk, command: str, output: str) -> None:
    """Output may differ from the page in ids, widths and what the page leaves out."""
    walk.take(Step("type", command, 1))
    walk.take(Step("output", output, 2))


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("echo one", "two"),
        ("echo one; echo two", "one"),
        (f"echo {RUN} {OTHER}", f"{RUN} {RUN}"),
        ("echo run", f"run {RUN}"),
        ("echo well; exit 1", "well"),
        ("echo FAILED it", "FAILED it"),
    ],
)
def test_output_that_is_not_as_shown(walk: Walk, command: str, output: str) -> None:
    """Another text, another id at the second place, and another end of the command are told."""
    walk.take(Step("type", command, 1))
    with pytest.raises(AssertionError, match="line 2"):
        walk.take(Step("output", output, 2))


def test_a_name_stays_what_it_was(walk: Walk) -> None:
    """An id that the page shows again means the one that was met first."""
    walk.take(Step("type", f"echo {OTHER}", 1))
    walk.take(Step("output", RUN, 2))
    walk.take(Step("type", f"echo again {RUN}", 3))
    walk.take(Step("output", f"again {RUN}", 4))
    assert walk.here(RUN) == OTHER


def test_a_fence_of_another_kind_is_refused() -> None:
    """A page cannot show code that no walk looks at."""
    with pytest.raises(ValueError, match="line 1: ```python is neither"):
        list(read_steps("```python\nx\n```"))
