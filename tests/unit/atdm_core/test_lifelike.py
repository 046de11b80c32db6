"""Shapes that belong to real people."""

import pytest

from atdm_core.lifelike import lifelike_shape, luhn_valid

CARD = "a card number"
NPI = "a provider number (NPI)"
SSN = "a social security number"


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("79927398713", True),
        ("79927398710", False),
        ("0", True),
        ("4111111111111111", True),
        ("4111111111111112", False),
    ],
)
def test_luhn(digits: str, valid: bool) -> None:
    """The check digit of published examples is told from a wrong one."""
    assert luhn_valid(digits) is valid


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("4111111111111111", CARD),
        ("card 4111 1111 1111 1111.", CARD),
        ("4111-1111-1111-1111", CARD),
        ("FAKE_378282246310005", CARD),
        ("7 4111 1111 1111 1111", CARD),
        ("4111 1111 1111 1111 12/29", CARD),
        ("1234567893", NPI),
        ("FAKE_1234567893", NPI),
        ("12 1234567893", NPI),
        ("1234567893 Elm Street", NPI),
        ("123-45-6789", SSN),
        ("(123-45-6789)", SSN),
    ],
)
def test_real_shapes_are_found(text: str, shape: str) -> None:
    """A card, a provider or a social security number is found wherever it stands, a mark in front or not."""
    assert lifelike_shape(text) == shape


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FAKE_Elm Street",
        "4111111111111112",
        "1234567890",
        "FAKE_9000000000",
        "2026-07-04T12:00:00+00:00",
        "12-345-6789",
        "123-45-67890",
        "9" * 40,
        "m-01K9Z3V5Q8",
    ],
)
def test_other_texts_pass(text: str) -> None:
    """Wrong check digits, dates, ids and longer numbers are nobody's."""
    assert lifelike_shape(text) is None
