"""The seven entities of the domain: five that runs make, and two code tables that all runs share."""

from atdm_core import Day, Entity, FakeText, Flag, Instant, Key, OneOf, Ref, Text

__all__ = ["ENTITIES", "INVALID_DIAGNOSES", "INVALID_PROCEDURES"]

INVALID_PROCEDURES = ("00000",)
INVALID_DIAGNOSES = ("ZZZ.99",)

ENTITIES = (
    Entity(
        name="procedure_code",
        key="code",
        columns={"code": Key(), "description": Text(), "is_valid": Flag()},
        reference=True,
    ),
    Entity(
        name="diagnosis_code",
        key="code",
        columns={"code": Key(), "description": Text(), "is_valid": Flag()},
        reference=True,
    ),
    Entity(
        name="plan",
        key="plan_id",
        columns={
            "plan_id": Key(),
            "name": FakeText(),
            "coverage_type": OneOf(allowed=("hmo", "ppo", "epo", "pos")),
            "effective_date": Day(),
        },
    ),
    Entity(
        name="provider",
        key="provider_id",
        columns={
            "provider_id": Key(),
            "name": FakeText(),
            "network_status": OneOf(allowed=("in_network", "out_of_network")),
            "npi_fake": FakeText(pattern=r"FAKE_9\d{9}"),  # a real identifier starts with 1 or 2
        },
    ),
    Entity(
        name="member",
        key="member_id",
        columns={
            "member_id": Key(),
            "status": OneOf(allowed=("active", "inactive")),
            "first_name": FakeText(pattern=r"FAKE_\S+"),
            "last_name": FakeText(pattern=r"FAKE_\S+"),
            "date_of_birth": Day(),
            "address_line1": FakeText(),
            "address_city": FakeText(pattern=r"FAKE_.+"),
            "address_state": OneOf(allowed=("ZZ",)),
            "address_zip": Text(pattern=r"000\d\d"),  # the lowest real one is 00501
            "plan_id": Ref(entity="plan"),
        },
    ),
    Entity(
        name="eligibility",
        key="eligibility_id",
        columns={
            "eligibility_id": Key(),
            "member_id": Ref(entity="member"),
            "effective_from": Day(),
            "effective_to": Day(),
            "status": OneOf(allowed=("active", "inactive", "expired")),
        },
    ),
    Entity(
        name="claim",
        key="claim_id",
        columns={
            "claim_id": Key(),
            "member_id": Ref(entity="member"),
            "provider_id": Ref(entity="provider"),
            "procedure_code": Ref(entity="procedure_code"),
            "diagnosis_code": Ref(entity="diagnosis_code"),
            "status": OneOf(allowed=("paid", "denied", "pending")),
            "submitted_at": Instant(),
            "denial_reason": Text(nullable=True),
        },
    ),
)
