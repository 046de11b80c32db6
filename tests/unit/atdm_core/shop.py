"""A small pack of another domain than healthcare, and what tests need to make bundles of it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from atdm_core import (
    Bundle,
    Constraint,
    Day,
    Draw,
    Entity,
    FakeText,
    Flag,
    Instant,
    Integer,
    Key,
    Mask,
    OneOf,
    Pack,
    Plan,
    Pool,
    Ref,
    Scenario,
    Step,
    Table,
    Text,
    generate,
    generator,
    references,
    validator,
)
from atdm_core.values import ConstraintValue

AS_OF = date(2026, 7, 4)
NAMES = Pool(("FAKE_Ada", "FAKE_Ben", "FAKE_Cleo", "FAKE_Dan"))
STREETS = Pool(("FAKE_Elm Street", "FAKE_Oak Road"))

COUNTRY = Entity(name="country", key="code", columns={"code": Key(), "name": Text()}, reference=True)
CUSTOMER = Entity(
    name="customer",
    key="customer_id",
    columns={
        "customer_id": Key(),
        "name": FakeText(pattern=r"FAKE_\w+"),
        "street": FakeText(),
        "tier": OneOf(allowed=("gold", "plain")),
        "born": Day(),
        "country": Ref(entity="country"),
    },
)
ORDER = Entity(
    name="order",
    key="order_id",
    columns={
        "order_id": Key(),
        "customer_id": Ref(entity="customer"),
        "status": OneOf(allowed=("open", "paid")),
        "placed_at": Instant(),
        "items": Integer(low=1, high=9),
        "gift": Flag(),
        "note": Text(nullable=True),
    },
)

CONSTRAINTS = (
    Constraint(name="tier", description="How dear the customer is.", allowed=("gold", "plain"), default="gold"),
    Constraint(name="order_status", description="Whether it is paid.", allowed=("open", "paid"), default="paid"),
    Constraint(name="gift", description="Whether it is one.", allowed=(True, False), default=False, type="boolean"),
    Constraint(name="note", description="What the customer wrote.", allowed=(None, "ring twice"), default=None),
)


@generator("customer")
def generate_customer(draw: Draw) -> Mapping[str, Any]:
    """A customer."""
    return {
        "customer_id": draw.key("c"),
        "name": draw.choice("name", NAMES),
        "street": draw.text("{} {}", draw.integer("number", 1, 99), draw.choice("street", STREETS)),
        "tier": draw.constraint("tier"),
        "born": draw.day("born", -20_000, -7_000),
        "country": "ZZ",
    }


@generator("order")
def generate_order(draw: Draw) -> Mapping[str, Any]:
    """An order of the last ten days."""
    return {
        "order_id": draw.key("o"),
        "customer_id": draw.ref("customer"),
        "status": draw.constraint("order_status"),
        "placed_at": draw.instant("placed_at", -10, -1),
        "items": draw.integer("items", 1, 9),
        "gift": draw.constraint("gift"),
        "note": draw.constraint("note"),
    }


@validator("domain.plain_customers_pay", over="order", beside="customer", shows=("order.status", "customer.tier"))
def plain_customers_pay(order: Table, customer: Table) -> Mask:
    """A plain customer has no open order."""
    return (order["status"] == "open") & (customer["tier"] == "plain")


VALIDATORS = (
    references("relational.order_has_its_customer", over="order", column="customer_id", entity="customer"),
    plain_customers_pay,
)


def a_scenario(scenario_id: str, *steps: Step, **defaults: ConstraintValue) -> Scenario:
    """A scenario of these steps that all validators judge."""
    return Scenario(
        scenario_id=scenario_id,
        description="For tests.",
        generators=steps,
        validators=tuple(rule.name for rule in VALIDATORS),
        linked_requirement_ids=(),
        default_constraints=defaults,
    )


ONE_ORDER = a_scenario("one_order", Step("generate_customer"), Step("generate_order"))
TWO_ORDERS = a_scenario(
    "two_orders",
    Step("generate_customer"),
    Step("generate_order", {"order_status": "paid"}),
    Step("generate_order", {"order_status": "open", "note": "ring twice"}),
)


def make_pack(**parts: Any) -> Pack:
    """The shop, with some of its parts replaced."""
    whole: dict[str, Any] = {
        "version": "1.0.0",
        "description": "A shop.",
        "entities": (COUNTRY, CUSTOMER, ORDER),
        "constraints": CONSTRAINTS,
        "generators": (generate_customer, generate_order),
        "validators": VALIDATORS,
        "scenarios": (ONE_ORDER, TWO_ORDERS),
    }
    return Pack.of("shop", **(whole | parts))


SHOP = make_pack()
SHARED = {"country": ["ZZ"]}


def make_plan(
    scenario_id: str = "one_order", *, pack: Pack = SHOP, seed: int = 7, **constraints: ConstraintValue
) -> Plan:
    """The plan of a scenario of the shop."""
    return pack.plan(scenario_id, constraints, seed=seed, as_of=AS_OF)


def make_bundle(scenario_id: str = "one_order", *, run_id: str = "run", rows: int = 1, seed: int = 7) -> Bundle:
    """A bundle of the shop."""
    return generate(SHOP, make_plan(scenario_id, seed=seed), run_id, rows=range(rows))
