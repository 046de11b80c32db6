"""What generators decide beyond drawing."""

from typing import Any

import pytest

from atdm_healthcare import PACK
from tests.unit.atdm_healthcare.plans import make_plan, rows_of


@pytest.mark.parametrize(
    ("constraints", "reason"),
    [
        ({"claim_status": "paid", "procedure_code": "00000"}, None),
        ({"claim_status": "denied", "procedure_code": "00000"}, "invalid_procedure_code"),
        ({"claim_status": "denied", "diagnosis_code": "ZZZ.99"}, "invalid_diagnosis_code"),
        (
            {"claim_status": "denied", "procedure_code": "00000", "diagnosis_code": "ZZZ.99"},
            "invalid_procedure_code",
        ),
        ({"claim_status": "denied", "procedure_code": "00000", "denial_reason": "duplicate_claim"}, "duplicate_claim"),
        ({"claim_status": "denied"}, None),
    ],
)
def test_reason_of_a_denial(constraints: dict[str, Any], reason: str | None) -> None:
    """A denied claim has the reason that was asked for, else the invalid code that denied it, else none."""
    assert rows_of(make_plan("active_member_clean", **constraints))["claim"][0]["denial_reason"] == reason


def test_each_entity_of_a_run_has_one_generator() -> None:
    """There is one generator for each entity that runs make, named after it, in the order of references."""
    made = [entity.name for entity in PACK.entities.values() if not entity.reference]
    assert {g.name: g.entity for g in PACK.generators.values()} == {f"generate_{name}": name for name in made}


def test_variety() -> None:
    """A hundred seeds give at least ninety different members."""
    members = {
        tuple(
            str(rows_of(make_plan("active_member_clean", seed=seed))["member"][0][c])
            for c in ("first_name", "last_name")
        )
        for seed in range(100)
    }
    assert len(members) > 90
