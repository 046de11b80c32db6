"""What may stand in a column, and what is said of a column where it does not."""

from collections.abc import Mapping

import numpy as np
import pytest

from atdm_core import (
    Day,
    Entity,
    FakeText,
    Flag,
    Instant,
    Integer,
    Joined,
    Json,
    Key,
    Keys,
    Kind,
    Number,
    OneOf,
    Pool,
    Ref,
    Text,
)
from atdm_core.columns import Coded, Column, constant, values
from atdm_core.errors import GeneratorFailed
from atdm_core.table import Table
from tests.unit.atdm_core.shop import CUSTOMER, NAMES, make_bundle

KEYS = Keys("c-run", np.array([0, 1]))
NUMBERS = np.array([1, 2])
DAYS = np.array(["2026-07-04", "2026-07-05"], dtype="datetime64[D]")
INSTANTS = DAYS.astype("datetime64[s]")
NO_DAY = np.array(["2026-07-04", "NaT"], dtype="datetime64[D]")
FLAGS = np.array([True, False])


def text(*values: str | None) -> Coded:
    """A column of these texts."""
    return Coded(np.arange(len(values)), Pool(values))


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (Text(), text("a", "b")),
        (Text(pattern=r"\d\d"), text("12", "34")),
        (Text(nullable=True), text("a", None)),
        (Text(), np.array(["a", "b"])),
        (Text(), Joined("x", NUMBERS)),
        (FakeText(), text("FAKE_a", "12 FAKE_b")),
        (FakeText(), Joined.format("{} FAKE_{}", NUMBERS, text("a", "b"))),
        (FakeText(), Joined.format("{} {}", NUMBERS, Coded(np.array([0, 1]), NAMES))),
        (FakeText(nullable=True), text("FAKE_a", None)),
        (OneOf(allowed=("a", "b")), text("a", "b")),
        (OneOf(allowed=("a",), nullable=True), text("a", None)),
        (Json(), text("{}", '["FAKE_a", 1]')),
        (Json(), Joined.format('{"n": {}}', NUMBERS)),
        (Json(nullable=True), text("null", None)),
        (Key(), KEYS),
        (Ref(entity="customer"), KEYS),
        (Ref(entity="country"), text("ZZ", "ZZ")),
        (Ref(entity="country", nullable=True), text("ZZ", None)),
        (Day(), DAYS),
        (Day(nullable=True), NO_DAY),
        (Instant(), INSTANTS),
        (Instant(nullable=True), NO_DAY.astype("datetime64[s]")),
        (Integer(low=1, high=2), NUMBERS),
        (Integer(), np.array([], dtype=np.int64)),
        (Flag(), FLAGS),
        (Flag(nullable=True), constant(None, 2)),
        (Integer(nullable=True), constant(None, 2)),
        (Number(low=0.01, places=2), np.array([0.01, 19.99])),
        (Number(places=2, nullable=True), np.array([0.1, np.nan])),
        (Number(), np.array([1 / 3])),
    ],
)
def test_good_columns_pass(kind: Kind, column: Column) -> None:
    """A column that its kind allows has no fault."""
    assert kind.fault(column) is None


@pytest.mark.parametrize(
    ("kind", "column", "fault"),
    [
        (Text(), text("a", None), "is null"),
        (Text(), NUMBERS, "holds 1, which is not text"),
        (Text(), KEYS, "holds keys, not text"),
        (Text(pattern=r"\d\d"), text("12", "123"), "holds '123', which does not match"),
        (Text(), text("4111111111111111"), "could pass as a card number"),
        (Text(), text("a 123-45-6789"), "could pass as a social security number"),
        (Text(), Joined("411111111111111", np.array([1, 2])), "could pass as a card number"),
        (FakeText(), text("FAKE_a", "Ann"), "holds 'Ann', which does not carry FAKE_"),
        (FakeText(), Joined("x ", NUMBERS), "has no part that carries FAKE_ in every row"),
        (FakeText(), Joined.format("{} {}", NUMBERS, text("FAKE_a", "b")), "has no part that carries FAKE_"),
        (FakeText(), text(None), "is null"),
        (FakeText(), text("FAKE_1234567893"), "could pass as a provider number"),
        (OneOf(allowed=("a", "b")), text("a", "c"), "holds 'c', which is not one of a, b"),
        (OneOf(allowed=("a",)), text(None), "holds None, which is not one of a"),
        (Json(), text("{}", "{FAKE_a}"), "holds '{FAKE_a}', which is not JSON"),
        (Json(), text("[]", None), "is null"),
        (Json(), text('["4111111111111111"]'), "could pass as a card number"),
        (Key(), text("c-1"), "is the primary key: make it with draw.key(prefix)"),
        (Ref(entity="customer"), NUMBERS, "refers to customer: make it with draw.ref('customer')"),
        (Ref(entity="customer"), text("c-run", None), "is null"),
        (Integer(), constant(None, 2), "is null"),
        (Flag(), constant(None, 2), "is null"),
        (Number(), NUMBERS, "does not hold numbers (float64)"),
        (Number(), np.array([1.0, np.nan]), "is null"),
        (Number(nullable=True), np.array([np.nan, np.inf]), "holds numbers outside"),
        (Number(low=1), np.array([0.5]), "holds numbers outside 1 to inf"),
        (Number(places=2), np.array([0.125]), "holds numbers of more than 2 decimal places: divide integers"),
        (Day(), INSTANTS, "does not hold days (datetime64[D])"),
        (Day(), text("2026-07-04"), "does not hold days"),
        (Day(), NO_DAY, "is null"),
        (Instant(), DAYS, "does not hold instants (datetime64[s])"),
        (Instant(), NO_DAY.astype("datetime64[s]"), "is null"),
        (Integer(low=1, high=9), np.array([0, 5]), "holds integers outside 1 to 9"),
        (Integer(low=1, high=9), np.array([10]), "holds integers outside 1 to 9"),
        (Integer(), np.array([1.5]), "does not hold integers"),
        (Integer(), FLAGS, "does not hold integers"),
        (Flag(), NUMBERS, "does not hold booleans"),
        (Flag(), text("true"), "does not hold booleans"),
    ],
)
def test_each_fault_is_said(kind: Kind, column: Column, fault: str) -> None:
    """A column that its kind does not allow has a fault that shows the value or says how to make it."""
    told = kind.fault(column)
    assert told is not None
    assert fault in told


def test_reference_columns() -> None:
    """An entity knows which of its columns refer to which entity."""
    order = make_bundle().tables["order"][0].entity
    assert order.refs() == {"customer_id": "customer"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tier": None}, "the row of customer lacks tier"),
        ({"colour": text("a")}, "has colour, which customer does not have"),
        ({"tier": None, "colour": text("a")}, "lacks tier and has colour"),
        ({"tier": text("gold", "gold")}, "customer.tier has 2 rows instead of 1"),
        ({"name": text("Ann")}, "customer.name holds 'Ann', which does not carry FAKE_"),
    ],
)
def test_table_is_checked_against_its_entity(change: Mapping[str, Column | None], told: str) -> None:
    """A table with a column too few, too many, too long or wrong is refused, naming generator and column."""
    columns: dict[str, Column | None] = {**make_bundle().tables["customer"][0].columns, **change}
    table = Table(CUSTOMER, {name: column for name, column in columns.items() if column is not None})
    with pytest.raises(GeneratorFailed) as refusal:
        CUSTOMER.check(table, "generate_customer")
    assert refusal.value.message.startswith("generate_customer: ")
    assert told in refusal.value.message


def test_run_column_is_no_column_of_its_own() -> None:
    """An entity without a run column refuses one, and one with it does not count it as extra."""
    entity = Entity(name="x", key="id", columns={"id": Key()}, run_column=None)
    columns: dict[str, Column] = {"id": Keys("x", np.array([0])), "test_run_id": constant("run", 1)}
    with pytest.raises(GeneratorFailed, match="has test_run_id"):
        entity.check(Table(entity, columns), "generate_x")
    with_run = Entity(name="x", key="id", columns={"id": Key()})
    with_run.check(Table(with_run, columns), "generate_x")


@pytest.mark.parametrize("kind_of", [Text, Day, Instant, Number, Integer, Flag])
def test_nulls_are_of_the_kind(kind_of: type[Kind]) -> None:
    """A column of nulls of a nullable kind has no fault, and its values are None."""
    kind = kind_of(nullable=True)
    column = kind.nulls(2)
    assert kind.fault(column) is None
    assert values(column) == [None, None]
