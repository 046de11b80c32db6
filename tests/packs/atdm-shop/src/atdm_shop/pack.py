"""Customers, carts, orders, payments, shipments and refunds that are never real."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from atdm_core import (
    Constraint,
    Draw,
    Entity,
    FakeText,
    Generator,
    Instant,
    Integer,
    Key,
    Kind,
    Mask,
    Number,
    OneOf,
    Pack,
    Pool,
    Ref,
    Table,
    Text,
    days,
    generator,
    load_scenarios,
    references,
    validator,
)

__all__ = ["PACK"]

NAMES = Pool(("FAKE_Ada Marsh", "FAKE_Ben Okoye", "FAKE_Cleo Lund", "FAKE_Dan Ito", "FAKE_Eve Ohm"))
STREETS = Pool(("FAKE_Mill Lane", "FAKE_Harbour Road", "FAKE_Quarry Street"))
PRODUCTS = Pool(("FAKE_Tide Clock", "FAKE_Field Lamp", "FAKE_Salt Cellar", "FAKE_Bridge Kit"))
FAILURES = Pool(("insufficient_funds", "card_expired", "suspected_fraud"))

CART = ("open", "abandoned", "ordered")
ORDER = ("placed", "paid", "shipped", "cancelled")
PAYMENT = ("pending", "captured", "failed")
SHIPMENT = ("preparing", "in_transit", "delivered", "lost")
REFUND = ("pending", "settled", "rejected")
AMOUNT = Number(low=0.01, high=100_000, places=2)


def entity(name: str, /, **columns: Kind) -> Entity:
    """A table whose key is called after it."""
    return Entity(name=name, key=f"{name}_id", columns={f"{name}_id": Key(), **columns})


ENTITIES = (
    entity("customer", name=FakeText(), email=FakeText(pattern=r"FAKE_\d+@shop\.example"), joined_at=Instant()),
    entity("address", customer_id=Ref(entity="customer"), street=FakeText(), zip=Text(pattern=r"000\d\d")),
    entity("product", name=FakeText(), price=AMOUNT, stock=Integer(low=0)),
    entity(
        "cart",
        customer_id=Ref(entity="customer"),
        product_id=Ref(entity="product"),
        quantity=Integer(low=1, high=20),
        status=OneOf(allowed=CART),
    ),
    entity(
        "order",
        customer_id=Ref(entity="customer"),
        cart_id=Ref(entity="cart"),
        address_id=Ref(entity="address"),
        total=AMOUNT,
        status=OneOf(allowed=ORDER),
        placed_at=Instant(),
    ),
    entity(
        "payment",
        order_id=Ref(entity="order"),
        amount=AMOUNT,
        status=OneOf(allowed=PAYMENT),
        failure=Text(nullable=True),
    ),
    entity(
        "shipment",
        order_id=Ref(entity="order"),
        address_id=Ref(entity="address"),
        status=OneOf(allowed=SHIPMENT),
        sent_at=Instant(nullable=True),
    ),
    entity("refund", payment_id=Ref(entity="payment"), amount=AMOUNT, status=OneOf(allowed=REFUND), asked_at=Instant()),
)

CONSTRAINTS = (
    Constraint(name="cart_status", description="What became of the cart.", allowed=CART, default="ordered"),
    Constraint(name="order_status", description="How far the order is.", allowed=ORDER, default="paid"),
    Constraint(name="payment_status", description="Whether the money came.", allowed=PAYMENT, default="captured"),
    Constraint(name="shipment_status", description="Where the parcel is.", allowed=SHIPMENT, default="delivered"),
    Constraint(name="refund_status", description="Whether the money went back.", allowed=REFUND, default="pending"),
    Constraint(
        name="refund_share", description="How much goes back.", allowed=("full", "half", "tenth"), default="full"
    ),
)


@generator("customer")
def generate_customer(draw: Draw) -> Mapping[str, Any]:
    """Somebody who joined one to three years ago."""
    return {
        "customer_id": draw.key("customer"),
        "name": draw.choice("name", NAMES),
        "email": draw.text("FAKE_{}@shop.example", draw.integer("email", 1, 99_999)),
        "joined_at": draw.instant("joined_at", -1100, -365),
    }


@generator("address")
def generate_address(draw: Draw) -> Mapping[str, Any]:
    """Where the customer lives."""
    return {
        "address_id": draw.key("address"),
        "customer_id": draw.ref("customer"),
        "street": draw.text("{} {}", draw.integer("number", 1, 999), draw.choice("street", STREETS)),
        "zip": draw.text("000{}", draw.integer("zip", 10, 99)),
    }


@generator("product")
def generate_product(draw: Draw) -> Mapping[str, Any]:
    """Something to sell, of 1.00 to 499.99."""
    return {
        "product_id": draw.key("product"),
        "name": draw.choice("name", PRODUCTS),
        "price": draw.integer("price", 100, 49_999) / 100,
        "stock": draw.integer("stock", 0, 500),
    }


@generator("cart")
def generate_cart(draw: Draw) -> Mapping[str, Any]:
    """One to five of a product."""
    return {
        "cart_id": draw.key("cart"),
        "customer_id": draw.ref("customer"),
        "product_id": draw.ref("product"),
        "quantity": draw.integer("quantity", 1, 5),
        "status": draw.constraint("cart_status"),
    }


@generator("order")
def generate_order(draw: Draw) -> Mapping[str, Any]:
    """An order of the cart, of the last month."""
    return {
        "order_id": draw.key("order"),
        "customer_id": draw.ref("customer"),
        "cart_id": draw.ref("cart"),
        "address_id": draw.ref("address"),
        "total": (draw.of("product", "price") * draw.of("cart", "quantity")).round(2),
        "status": draw.constraint("order_status"),
        "placed_at": draw.instant("placed_at", -30, -11),
    }


@generator("payment")
def generate_payment(draw: Draw) -> Mapping[str, Any]:
    """A payment of the order's total."""
    status = draw.constraint("payment_status")
    return {
        "payment_id": draw.key("payment"),
        "order_id": draw.ref("order"),
        "amount": draw.of("order", "total"),
        "status": status,
        "failure": draw.choice("failure", FAILURES) if status == "failed" else None,
    }


@generator("shipment")
def generate_shipment(draw: Draw) -> Mapping[str, Any]:
    """A parcel, sent one to ten days after the order."""
    status = draw.constraint("shipment_status")
    sent_at = draw.of("order", "placed_at") + draw.integer("sent_after", 1, 10).astype("timedelta64[D]")
    return {
        "shipment_id": draw.key("shipment"),
        "order_id": draw.ref("order"),
        "address_id": draw.ref("address"),
        "status": status,
        "sent_at": None if status == "preparing" else sent_at,
    }


@generator("refund")
def generate_refund(draw: Draw) -> Mapping[str, Any]:
    """Money that goes back, wholly or in part."""
    share = {"full": 1.0, "half": 0.5, "tenth": 0.1}[draw.constraint("refund_share")]
    return {
        "refund_id": draw.key("refund"),
        "payment_id": draw.ref("payment"),
        "amount": (draw.of("payment", "amount") * share).round(2),
        "status": draw.constraint("refund_status"),
        "asked_at": draw.instant("asked_at", -10, -1),
    }


@validator("domain.only_paid_orders_ship", over="shipment", beside="payment", shows=("payment.status",))
def only_paid_orders_ship(shipment: Table, payment: Table) -> Mask:
    """What is sent has been paid."""
    return payment["status"] != "captured"


@validator("domain.cart_of_an_order_is_ordered", over="order", beside="cart", shows=("order.status", "cart.status"))
def cart_of_an_order_is_ordered(order: Table, cart: Table) -> Mask:
    """An order comes from a cart that was ordered."""
    return cart["status"] != "ordered"


@validator("domain.failures_have_a_reason", over="payment", shows=("payment.status", "payment.failure"))
def failures_have_a_reason(payment: Table) -> Mask:
    """A payment has a reason for its failure when it failed, and none otherwise."""
    return (payment["status"] == "failed") == payment["failure"].isin(None)


@validator("domain.refund_within_payment", over="refund", beside="payment", shows=("refund.amount", "payment.amount"))
def refund_within_payment(refund: Table, payment: Table) -> Mask:
    """Only money that came goes back, and no more than came."""
    return (payment["status"] != "captured") | (refund["amount"] > payment["amount"])


@validator("temporal.sent_after_the_order", over="shipment", beside="order", shows=("shipment.sent_at",))
def sent_after_the_order(shipment: Table, order: Table) -> Mask:
    """A parcel is sent after its order was placed."""
    return days(shipment["sent_at"]) < days(order["placed_at"])


GENERATORS: tuple[Generator, ...] = (
    generate_customer,
    generate_address,
    generate_product,
    generate_cart,
    generate_order,
    generate_payment,
    generate_shipment,
    generate_refund,
)

PACK = Pack.of(
    "shop",
    version="1.0.0",
    description="A shop on the web: carts, orders, payments, shipments and refunds.",
    entities=ENTITIES,
    constraints=CONSTRAINTS,
    generators=GENERATORS,
    validators=(
        references("relational.order_has_its_customer", over="order", column="customer_id", entity="customer"),
        references("relational.payment_has_its_order", over="payment", column="order_id", entity="order"),
        references("relational.refund_has_its_payment", over="refund", column="payment_id", entity="payment"),
        only_paid_orders_ship,
        cart_of_an_order_is_ordered,
        failures_have_a_reason,
        refund_within_payment,
        sent_after_the_order,
    ),
    scenarios=load_scenarios(files("atdm_shop") / "scenarios"),
)
