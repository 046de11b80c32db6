"""Ids, seeds and tokens."""

import pytest

from atdm_core.draw import LARGEST_SEED
from atdm_core.errors import InvalidRequest
from atdm_core.ids import check_id, cleanup_token, derive_seed, new_id, same_token, token_sha256


def test_new_ids_sort_by_time() -> None:
    """New ids are distinct, 26 characters long, in the order they were made, and fit for paths."""
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(text) for text in made} == {26}
    assert [check_id(text)[:10] for text in made] == sorted(text[:10] for text in made)


@pytest.mark.parametrize("text", ["a", "A-1_b.c", "-", "_x", "strategy-reset_all-01K9", "x" * 128])
def test_good_ids_pass(text: str) -> None:
    """An id of letters, digits, dots, underscores and hyphens comes back as it is."""
    assert check_id(text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", ".x", "a/b", "a\\b", "a%2e", "x" * 129, "a b", "a\n", "\na", "ä", "a\x00", "a:b", "٣"]
)
def test_ids_that_could_leave_a_path_are_refused(text: str) -> None:
    """Anything that could mean more than a name in a path is refused, and the error says what may stand."""
    with pytest.raises(InvalidRequest, match="is not an id: use 1 to 128 letters, digits"):
        check_id(text)


def test_seed_of_a_run_is_fixed() -> None:
    """A run's id means one seed, which JSON can carry."""
    assert derive_seed("01K9Z3V5Q8XNTA1B2C3D4E5F6G") == derive_seed("01K9Z3V5Q8XNTA1B2C3D4E5F6G")
    seeds = {derive_seed(new_id()) for _ in range(500)}
    assert len(seeds) == 500
    assert all(0 <= seed <= LARGEST_SEED for seed in seeds)


def test_token_belongs_to_key_and_run() -> None:
    """A token is the same whenever it is made again, and another for another run or key."""
    token = cleanup_token(b"key", "run")
    assert token == cleanup_token(b"key", "run")
    assert len({token, cleanup_token(b"key", "other"), cleanup_token(b"other", "run")}) == 3
    assert len(token) == 64


def test_token_is_compared_by_its_hash() -> None:
    """Only the token whose hash was stored is the same."""
    stored = token_sha256("token")
    assert same_token("token", stored)
    assert not same_token("Token", stored)
    assert not same_token("", stored)
    assert not same_token(stored, stored)
