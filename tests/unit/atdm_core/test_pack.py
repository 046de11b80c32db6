"""Packs: put together, checked, and made bundles of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from atdm_core import (
    Draw,
    Entity,
    Generator,
    Key,
    Pack,
    Ref,
    Step,
    Text,
    generate,
    generator,
    judge,
    references,
    validator,
)
from atdm_core.columns import Mask
from atdm_core.errors import GeneratorFailed, InvalidConstraint, PackInvalid, ScenarioInvalid, ScenarioNotFound
from atdm_core.table import Table
from atdm_core.testing import PackContract
from tests.unit.atdm_core.shop import (
    CONSTRAINTS,
    COUNTRY,
    CUSTOMER,
    ONE_ORDER,
    ORDER,
    SHOP,
    VALIDATORS,
    a_scenario,
    generate_customer,
    generate_order,
    make_bundle,
    make_pack,
    make_plan,
)


class TestShopPack(PackContract):
    """The shop keeps the contract of packs, repeated steps included."""

    pack = SHOP


@generator("ghost")
def generate_ghost(draw: Draw) -> Mapping[str, Any]:
    """Makes what no entity describes."""
    return {"ghost_id": draw.key("g")}


@generator("country")
def generate_country(draw: Draw) -> Mapping[str, Any]:
    """Makes rows that all runs share."""
    return {"code": draw.key("z"), "name": "x"}


NO_KEY = Entity(name="plain", key="id", columns={"name": Text()})
LOST = Entity(name="lost", key="id", columns={"id": Key(), "home": Ref(entity="customers")})


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"entities": (COUNTRY, CUSTOMER, ORDER, CUSTOMER)}, "two parts are the entity 'customer'"),
        ({"constraints": (*CONSTRAINTS, CONSTRAINTS[0])}, "two parts are the constraint 'tier'"),
        ({"generators": (generate_customer, generate_order, generate_order)}, "the generator 'generate_order'"),
        ({"validators": (*VALIDATORS, VALIDATORS[1])}, "two parts are the validator 'domain.plain_customers_pay'"),
        ({"scenarios": (ONE_ORDER, ONE_ORDER)}, "two parts are the scenario 'one_order'"),
        ({"entities": (COUNTRY, CUSTOMER, ORDER, NO_KEY)}, "no column 'id' for its key; the entity has: name"),
        (
            {"entities": (COUNTRY, CUSTOMER, ORDER, LOST)},
            "refers to 'customers' in home, which is no entity; the pack has: country, customer, order, lost. Did you",
        ),
        ({"generators": (generate_customer, generate_order, generate_ghost)}, "makes 'ghost', which is no entity"),
        ({"generators": (generate_customer, generate_order, generate_country)}, "whose rows all runs share"),
    ],
)
def test_parts_that_do_not_fit_are_named(parts: Mapping[str, Any], told: str) -> None:
    """A pack of parts that do not fit together is refused with the name of pack and part."""
    with pytest.raises(PackInvalid) as refusal:
        make_pack(**parts)
    assert refusal.value.message.startswith("pack shop: ")
    assert told in refusal.value.message


@pytest.mark.parametrize(
    ("step", "defaults", "told"),
    [
        (Step("generate_ghost"), {}, "generators: no generator 'generate_ghost'; the pack has: generate_customer"),
        (Step("generate_customer", {"colour": "red"}), {}, "generators: shop has no constraint 'colour'"),
        (Step("generate_customer", {"tier": "silver"}), {}, "generators: tier cannot be silver; allowed: gold, plain"),
        (Step("generate_customer"), {"colour": "red"}, "default_constraints: shop has no constraint 'colour'"),
        (Step("generate_customer"), {"gift": 1}, "default_constraints: gift cannot be 1; allowed: true, false"),
        (None, {}, "generators: a scenario needs at least one step"),
    ],
)
def test_scenario_that_does_not_fit_is_named(step: Step | None, defaults: dict[str, Any], told: str) -> None:
    """A scenario that names what its pack does not have is refused with its file, the key, and what exists."""
    scenario = a_scenario("odd", *([step] if step else []), **defaults)
    with pytest.raises(ScenarioInvalid) as refusal:
        make_pack(scenarios=(scenario,))
    assert refusal.value.message.startswith(f"odd.yaml: {told}")


def test_unknown_validator_is_named() -> None:
    """A scenario that names an unknown validator is refused with those that exist."""
    with pytest.raises(ScenarioInvalid, match=r"validators: no validator 'relational\.order_has.*; the pack has: none"):
        make_pack(validators=(_named_none(),))


def _named_none() -> Any:
    @validator("none", over="order")
    def none(order: Table) -> Mask:
        """Nothing is broken."""
        return np.zeros(len(order), dtype=np.bool_)

    return none


def test_unknown_scenario_lists_what_exists() -> None:
    """Asking for a scenario that the pack does not have lists those that it has."""
    with pytest.raises(ScenarioNotFound, match="shop has no scenario 'nine'; it has: one_order, two_orders"):
        SHOP.scenario("nine")


def test_constraints_resolve_in_order() -> None:
    """What the request wants comes before the scenario's default, and that before the pack's."""
    scenario = a_scenario("dear", Step("generate_customer"), tier="plain", gift=True)
    pack = make_pack(scenarios=(scenario,))
    assert pack.resolve(scenario, {"gift": False}) == {
        "tier": "plain",
        "order_status": "paid",
        "gift": False,
        "note": None,
    }
    with pytest.raises(InvalidConstraint):
        pack.resolve(scenario, {"gift": "yes"})


def test_step_arguments_win() -> None:
    """A step's argument wins over the request's constraint, for that step only."""
    bundle = generate(SHOP, make_plan("two_orders", order_status="open"), "run")
    assert [row["status"] for row in bundle.records()["order"]] == ["paid", "open"]


def test_plain_values_become_columns() -> None:
    """A generator may return one value for all rows, and every row carries it and the run."""
    rows = make_bundle(rows=3).records()["customer"]
    assert {row["country"] for row in rows} == {"ZZ"}
    assert {row["test_run_id"] for row in rows} == {"run"}
    assert len({row["customer_id"] for row in rows}) == 3


def test_columns_come_in_the_entity_s_order() -> None:
    """The order of columns is the entity's, whatever order a generator returns them in."""

    def backwards(draw: Draw) -> Mapping[str, Any]:
        made = generate_customer.function(draw)
        return {name: made[name] for name in reversed(list(made))}

    pack = make_pack(generators=(Generator("generate_customer", "customer", backwards), generate_order))
    (table,) = generate(pack, make_plan(pack=pack), "run").tables["customer"]
    assert list(table.columns) == [*CUSTOMER.columns, "test_run_id"]


def test_generator_at_fault_is_named() -> None:
    """A generator that makes what its entity does not allow is named, with entity and column."""

    def wrong(draw: Draw) -> Mapping[str, Any]:
        return {**generate_customer.function(draw), "name": "Ann"}

    pack = make_pack(generators=(Generator("generate_customer", "customer", wrong), generate_order))
    with pytest.raises(GeneratorFailed, match=r"generate_customer: customer\.name holds 'Ann'"):
        generate(pack, make_plan(pack=pack), "run")


def test_only_the_plan_s_validators_judge() -> None:
    """A plan is judged by its own validators, in their order."""
    plan = make_plan("two_orders", tier="plain")
    findings = judge(SHOP, plan, generate(SHOP, plan, "run"))
    assert [finding.validator for finding in findings] == list(plan.validators)
    assert [finding.ok for finding in findings] == [True, False]


def test_packs_are_frozen() -> None:
    """A pack is a value: nobody can change one that others use."""
    frozen: Any = SHOP
    with pytest.raises(AttributeError):
        frozen.name = "other"
    assert isinstance(SHOP, Pack)


def test_rule_over_nothing_is_refused() -> None:
    """A pack is refused when a validator looks at an entity or a column that does not exist: it would always pass."""

    @validator("a.b", over="invoice")
    def over_nothing(invoice: Table) -> Mask:
        """Never broken."""
        raise AssertionError(invoice)

    with pytest.raises(PackInvalid, match=r"validator a\.b looks at invoice, which does not exist"):
        make_pack(validators=(*VALIDATORS, over_nothing))
    wrong = references("a.c", over="order", column="colour", entity="customer")
    with pytest.raises(PackInvalid, match=r"looks at order\.colour"):
        make_pack(validators=(*VALIDATORS, wrong))
