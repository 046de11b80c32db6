"""The pools that texts are drawn from."""

import re

import pytest

from atdm_core import Pool
from atdm_core.lifelike import lifelike_shape
from atdm_healthcare import pools

MARKED = [name for name in pools.__all__ if name != "ZIPS"]


def pool(name: str) -> Pool:
    """The pool of this name."""
    found = getattr(pools, name)
    assert isinstance(found, Pool)
    return found


@pytest.mark.parametrize("name", pools.__all__)
def test_pools_are_distinct_texts(name: str) -> None:
    """A pool holds many texts, none twice, none lifelike, none with space around it."""
    values = pool(name).values
    texts = [value for value in values if value is not None]
    assert len(set(texts)) == len(values) >= 40
    assert not [text for text in texts if lifelike_shape(text) or text != text.strip()]


@pytest.mark.parametrize("name", MARKED)
def test_pools_are_marked(name: str) -> None:
    """Every text that could name somebody begins with the marker."""
    assert all(value is not None and re.match(r"FAKE_\S", value) for value in pool(name).values)


def test_provider_numbers_cannot_be_real() -> None:
    """A provider number begins with 9, where a real one begins with 1 or 2, and fails the check digit."""
    assert all(re.fullmatch(r"FAKE_9\d{9}", str(value)) for value in pool("PROVIDER_NUMBERS").values)


def test_zips_cannot_be_real() -> None:
    """Postal codes lie below the lowest real one, in order."""
    assert list(pool("ZIPS").values) == [f"000{number:02}" for number in range(100)]


def test_order_is_part_of_a_version() -> None:
    """The first texts of each pool stay what they are for the life of a version of the pack."""
    assert pool("CITIES").values[:2] == ("FAKE_Panama City", "FAKE_Coconut Creek")
    assert len(pool("FIRST_NAMES")) == 400
    assert len(pool("LAST_NAMES")) == 800
