"""Constraints."""

from typing import Any, Literal

import pytest

from atdm_core import Constraint
from atdm_core.constraint import check_constraints
from atdm_core.errors import InvalidConstraint, UnknownConstraint
from tests.unit.atdm_core.shop import SHOP


def a_knob(*allowed: Any) -> Constraint:
    """A constraint with these allowed values."""
    return Constraint(name="knob", description="", allowed=allowed, default=allowed[0])


@pytest.mark.parametrize(
    ("allowed", "value"), [((1, 2), True), ((True, False), 1), ((1, 2), 1.0), ((0,), False), (("1",), 1), (("",), None)]
)
def test_equal_is_not_the_same(allowed: tuple[Any, ...], value: object) -> None:
    """A value of another type is not allowed, even where Python calls the two equal."""
    assert not a_knob(*allowed).allows(value)
    assert all(a_knob(*allowed).allows(each) for each in allowed)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None, True]),
        ("integer", [0, -5], [True, 1.5, "1", None]),
        ("number", [0, 1.5], [True, "1.5", None]),
        ("boolean", [True, False], [0, 1, "true", None]),
    ],
)
def test_unlisted_values_are_checked_by_type(
    kind: Literal["string", "integer", "number", "boolean"], good: list[Any], bad: list[Any]
) -> None:
    """A constraint without a list takes every value of its type, and no other."""
    knob = Constraint(name="knob", description="", type=kind, default=good[0])
    assert all(knob.allows(value) for value in good)
    assert not any(knob.allows(value) for value in bad)


def test_default_must_be_allowed() -> None:
    """A constraint whose default it does not allow itself cannot be made."""
    with pytest.raises(ValueError, match="constraint knob: the default 'c' is not among the allowed values"):
        Constraint(name="knob", description="", allowed=("a", "b"), default="c")


def test_good_values_come_back() -> None:
    """Values that a pack takes pass, null among them."""
    wanted = {"tier": "plain", "note": None, "gift": True}
    assert check_constraints(SHOP.constraints, wanted, domain="shop") == wanted


def test_unknown_name_lists_what_exists() -> None:
    """A constraint that the pack does not have is refused with the list of those that it has."""
    with pytest.raises(UnknownConstraint) as refusal:
        check_constraints(SHOP.constraints, {"colour": "red"}, domain="shop")
    assert refusal.value.message == "shop has no constraint 'colour'; it has: tier, order_status, gift, note"
    assert refusal.value.details == {"constraint": "colour", "known": ["tier", "order_status", "gift", "note"]}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tier", "silver", "tier cannot be silver; allowed: gold, plain"),
        ("tier", 1, 'tier cannot be 1; allowed: "gold", "plain"'),
        ("tier", None, 'tier cannot be null; allowed: "gold", "plain"'),
        ("tier", "", 'tier cannot be ""; allowed: gold, plain'),
        ("gift", "true", 'gift cannot be "true"; allowed: true, false'),
        ("gift", 1, "gift cannot be 1; allowed: true, false"),
        ("note", "x", "note cannot be x; allowed: null, ring twice"),
    ],
)
def test_wrong_value_lists_what_is_allowed(name: str, value: str | int | None, message: str) -> None:
    """A value that is not allowed is refused with those that are; texts in quotes where another type was meant."""
    with pytest.raises(InvalidConstraint) as refusal:
        check_constraints(SHOP.constraints, {name: value}, domain="shop")
    assert refusal.value.message == message
    assert refusal.value.details["constraint"] == name
    assert refusal.value.details["allowed"] == list(SHOP.constraints[name].allowed or ())


def test_wrong_type_names_the_type() -> None:
    """Where no values are listed, the refusal says which type is meant."""
    knob = Constraint(name="knob", description="", type="integer", default=1)
    with pytest.raises(InvalidConstraint, match="knob cannot be true; allowed: any integer"):
        check_constraints({"knob": knob}, {"knob": True}, domain="shop")


def test_what_is_too_long_is_cut_in_the_message() -> None:
    """A message shows the beginning of a long name or value, and the details have all of it."""
    long = "x" * 100_000
    with pytest.raises(UnknownConstraint) as unknown:
        check_constraints(SHOP.constraints, {long: "red"}, domain="shop")
    with pytest.raises(InvalidConstraint) as invalid:
        check_constraints(SHOP.constraints, {"tier": long}, domain="shop")
    for refusal in (unknown.value, invalid.value):
        assert "xxx…" in refusal.message
        assert len(refusal.message) < 300
    assert (unknown.value.details["constraint"], invalid.value.details["value"]) == (long, long)
