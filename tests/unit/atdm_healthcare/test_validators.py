"""The four validators: each refuses what it must, and names itself."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from atdm_core import Bundle, Finding, Table, generate, judge
from atdm_core.columns import Column, Keys, constant
from atdm_healthcare import PACK
from tests.unit.atdm_healthcare.plans import AS_OF, make_plan

STATUS, REFERENCE, DENIAL, WINDOW = (
    "relational.eligibility_status_matches_member",
    "relational.claim_references_existing_member",
    "domain.denial_requires_invalid_code",
    "temporal.eligibility_window_contains_claim",
)


def found(**constraints: Any) -> dict[str, Finding]:
    """The findings that are not ok on a clean scenario with these constraints, by validator."""
    plan = make_plan("active_member_clean", **constraints)
    return {f.validator: f for f in judge(PACK, plan, generate(PACK, plan, "run")) if not f.ok}


def changed(column: str, value: Column, **constraints: Any) -> set[str]:
    """The names of the validators that refuse a clean bundle in which one column is another."""
    plan = make_plan("active_member_clean", **constraints)
    bundle = generate(PACK, plan, "run")
    entity, name = column.split(".")
    (table,) = bundle.tables[entity]
    other = Table(table.entity, {**table.columns, name: value})
    judged = Bundle("run", {**bundle.tables, entity: (other,)})
    return {f.validator for f in judge(PACK, plan, judged) if not f.ok}


@pytest.mark.parametrize(
    ("constraints", "refused"),
    [
        ({}, set[str]()),
        ({"member_status": "inactive"}, {STATUS}),
        ({"member_status": "inactive", "eligibility_status": "inactive"}, set[str]()),
        ({"member_status": "inactive", "eligibility_status": "expired"}, set[str]()),
        ({"eligibility_status": "inactive"}, set[str]()),
        ({"claim_status": "denied"}, {DENIAL}),
        ({"claim_status": "denied", "procedure_code": "00000"}, set[str]()),
        ({"claim_status": "denied", "diagnosis_code": "ZZZ.99"}, set[str]()),
        ({"claim_status": "denied", "denial_reason": "duplicate_claim"}, set[str]()),
        ({"procedure_code": "00000"}, set[str]()),
        ({"claim_status": "pending", "eligibility_window": "expired_last_year"}, {WINDOW}),
        ({"claim_status": "pending", "eligibility_window": "future"}, {WINDOW}),
        ({"claim_status": "paid", "eligibility_window": "future"}, set[str]()),
        (
            {"claim_status": "pending", "eligibility_window": "expired_last_year", "eligibility_status": "expired"},
            set[str](),
        ),
        (
            {"claim_status": "denied", "eligibility_window": "future", "member_status": "inactive"},
            {STATUS, DENIAL, WINDOW},
        ),
    ],
)
def test_contradictions_are_refused_by_name(constraints: dict[str, Any], refused: set[str]) -> None:
    """Each contradiction is refused by the validator whose rule it breaks, and by no other."""
    assert set(found(**constraints)) == refused


def test_findings_show_what_to_look_at() -> None:
    """A finding carries its sentence and the cells that contradict each other."""
    finding = found(member_status="inactive")[STATUS]
    assert finding.message == "An inactive member has no active eligibility."
    assert finding.details["rows"] == [{"eligibility.status": "active", "member.status": "inactive"}]
    assert found(claim_status="denied")[DENIAL].details["rows"] == [
        {
            "claim.status": "denied",
            "claim.procedure_code": "99213",
            "claim.diagnosis_code": "Z00.00",
            "claim.denial_reason": None,
        }
    ]


def test_a_claim_of_nobody_is_refused() -> None:
    """A claim whose member is not in the bundle is refused, whether its key reads like one or not."""
    assert changed("claim.member_id", Keys("m-other", np.array([0]))) == {REFERENCE}
    assert changed("claim.member_id", constant("somebody", 1)) == {REFERENCE}


@pytest.mark.parametrize(("days", "refused"), [(-1, True), (0, False), (1, False), (9, False), (10, False), (11, True)])
def test_the_window_includes_both_of_its_ends(days: int, refused: bool) -> None:
    """A pending claim may fall on the first and the last day of the window, not on the day before or after."""
    first, last = AS_OF, AS_OF + timedelta(days=10)
    moment = np.array([np.datetime64(first + timedelta(days=days), "s") + np.timedelta64(86_399, "s")])
    plan = make_plan("active_member_clean", claim_status="pending")
    bundle = generate(PACK, plan, "run")
    (claim,), (eligibility,) = bundle.tables["claim"], bundle.tables["eligibility"]
    window: dict[str, Column] = {"effective_from": constant(first, 1), "effective_to": constant(last, 1)}
    tables = {
        **bundle.tables,
        "claim": (Table(claim.entity, {**claim.columns, "submitted_at": moment}),),
        "eligibility": (Table(eligibility.entity, {**eligibility.columns, **window}),),
    }
    names = {f.validator for f in judge(PACK, plan, Bundle("run", tables)) if not f.ok}
    assert names == ({WINDOW} if refused else set[str]())


def test_a_million_would_be_judged_alike() -> None:
    """A thousand bundles at once are refused in as many rows, and a few are shown."""
    plan = make_plan("active_member_clean", member_status="inactive")
    (finding,) = (f for f in judge(PACK, plan, generate(PACK, plan, "run", rows=range(1000))) if not f.ok)
    assert finding.details["broken_rows"] == 1000
    assert len(finding.details["rows"]) == 5
