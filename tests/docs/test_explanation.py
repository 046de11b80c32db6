"""The examples of the explanation pages."""

import doctest

import pytest

from tests.architecture.sources import ROOT, name_of


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "explanation").glob("*.md")), ids=name_of)
def test_examples_are_true(page: object) -> None:
    """Each example of a page gives what is shown."""
    assert doctest.testfile(str(page), module_relative=False).failed == 0
