"""The healthcare pack as a whole: its contract, what each scenario shows, and its golden values.

When a new version of the pack changes values on purpose, write the golden files again:

    python -m tests.unit.atdm_healthcare.test_pack
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from atdm_core import Pack, generate, judge
from atdm_core.testing import Mutation, PackContract
from atdm_healthcare import PACK
from tests.unit.atdm_healthcare.mutations import MUTATIONS
from tests.unit.atdm_healthcare.plans import AS_OF, Row, make_plan, rows_of

GOLDEN = Path(__file__).parent / "golden"
AWKWARD_DAYS = [date(2026, 1, 1), date(2026, 1, 31), date(2024, 2, 29), date(2025, 3, 1), date(2026, 12, 31)]
ACTIVE, INACTIVE = "active", "inactive"
FOUR_VALIDATORS = {
    "relational.eligibility_status_matches_member",
    "relational.claim_references_existing_member",
    "domain.denial_requires_invalid_code",
    "temporal.eligibility_window_contains_claim",
}


class TestHealthcarePack(PackContract):
    """The pack keeps the contract that every pack keeps."""

    pack: ClassVar[Pack] = PACK
    mutations: ClassVar[Sequence[Mutation]] = MUTATIONS


SHOWN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "active_member_clean": (
        {
            "member.status": ACTIVE,
            "provider.network_status": "in_network",
            "eligibility.status": ACTIVE,
            "claim.status": "paid",
            "claim.denial_reason": None,
        },
        ["FR-001", "FR-005", "FR-010"],
    ),
    "claim_denial_active_member": (
        {
            "member.status": ACTIVE,
            "provider.network_status": "out_of_network",
            "eligibility.status": ACTIVE,
            "claim.status": "denied",
            "claim.procedure_code": "00000",
            "claim.denial_reason": "invalid_procedure_code",
        },
        ["FR-001", "FR-005", "FR-010", "FR-011"],
    ),
    "expired_eligibility": (
        {
            "member.status": ACTIVE,
            "eligibility.status": "expired",
            "claim.status": "denied",
            "claim.denial_reason": "eligibility_expired",
        },
        ["FR-001", "FR-010", "FR-011"],
    ),
    "out_of_network_pending_claim": (
        {
            "member.status": ACTIVE,
            "provider.network_status": "out_of_network",
            "claim.status": "pending",
            "claim.procedure_code": "70553",
            "claim.diagnosis_code": "M54.5",
            "claim.denial_reason": None,
        },
        ["FR-001", "FR-010", "FR-011"],
    ),
    "inactive_member_with_history": (
        {"member.status": INACTIVE, "eligibility.status": INACTIVE, "claim.status": "paid"},
        ["FR-010", "FR-011"],
    ),
    "multi_claim_member": (
        {
            "member.status": ACTIVE,
            "eligibility.status": ACTIVE,
            "claim.status": "denied",
            "claim.procedure_code": "00000",
            "claim.denial_reason": "invalid_procedure_code",
        },
        ["FR-001", "FR-010", "FR-011"],
    ),
}
"""What the contract's table says that each scenario shows, and the requirements it is linked to."""

INSIDE = {"active_member_clean", "claim_denial_active_member", "out_of_network_pending_claim", "multi_claim_member"}
ENTITIES = ("plan", "provider", "member", "eligibility", "claim")
SEVERAL = {"multi_claim_member": {"member": 3, "eligibility": 3, "claim": 2}}
"""Where a scenario makes more than one row of an entity."""
LAST_YEAR = {"expired_eligibility", "inactive_member_with_history"}


def test_the_scenarios_are_those_of_the_contract() -> None:
    """The pack has the contract's five scenarios, one of several rows and no other, each in one of the two windows."""
    assert set(PACK.scenarios) == set(SHOWN) == INSIDE | LAST_YEAR


@pytest.mark.parametrize("scenario_id", SHOWN)
def test_each_scenario_shows_what_it_promises(scenario_id: str) -> None:
    """A scenario makes rows of five entities, the first of each with the values that the contract's table names."""
    shown, requirements = SHOWN[scenario_id]
    for seed in range(20):
        records = rows_of(make_plan(scenario_id, seed=seed))
        counts = {name: len(rows) for name, rows in records.items()}
        assert counts == {**dict.fromkeys(ENTITIES, 1), **SEVERAL.get(scenario_id, {})}
        for name, value in shown.items():
            entity, column = name.split(".")
            assert records[entity][0][column] == value
    assert list(PACK.scenario(scenario_id).linked_requirement_ids) == requirements


@pytest.mark.parametrize("scenario_id", SHOWN)
def test_every_scenario_is_judged_by_all_four_validators(scenario_id: str) -> None:
    """Each scenario names the four validators of the domain."""
    assert set(PACK.scenario(scenario_id).validators) == set(PACK.validators) == FOUR_VALIDATORS


def one_of_each(scenario_id: str, as_of: date, seed: int) -> tuple[Row, Row]:
    """The eligibility and the claim of a bundle."""
    records = rows_of(make_plan(scenario_id, seed=seed, as_of=as_of))
    return records["eligibility"][0], records["claim"][0]


@pytest.mark.parametrize("as_of", AWKWARD_DAYS, ids=str)
@pytest.mark.parametrize("scenario_id", sorted(INSIDE))
def test_claims_fall_inside_a_current_window(scenario_id: str, as_of: date) -> None:
    """In a current window, today and the recent claim lie between its ends on any day of the year."""
    for seed in range(20):
        eligibility, claim = one_of_each(scenario_id, as_of, seed)
        day = claim["submitted_at"].date()
        assert eligibility["effective_from"] <= day < as_of < eligibility["effective_to"]
        assert as_of - day <= timedelta(days=30)


@pytest.mark.parametrize("as_of", AWKWARD_DAYS, ids=str)
@pytest.mark.parametrize("scenario_id", sorted(LAST_YEAR))
def test_expired_windows_ended_last_year(scenario_id: str, as_of: date) -> None:
    """An expired window ended in last year's calendar, before the recent claim, on any day of the year."""
    for seed in range(20):
        eligibility, claim = one_of_each(scenario_id, as_of, seed)
        assert eligibility["effective_from"] < eligibility["effective_to"]
        assert eligibility["effective_to"].year == as_of.year - 1
        assert eligibility["effective_to"] < claim["submitted_at"].date()


def test_a_member_has_several_claims_and_dependents() -> None:
    """A denied and a pending claim are the member's, and two dependents on the same plan have a window of their own."""
    plan = make_plan("multi_claim_member")
    bundle = generate(PACK, plan, "run")
    records = bundle.records()
    assert [row["status"] for row in records["claim"]] == ["denied", "pending"]
    assert {row["member_id"] for row in records["claim"]} == {"m-run"}
    assert [row["member_id"] for row in records["member"]] == ["m-run", "m-run-1", "m-run-2"]
    assert {row["plan_id"] for row in records["member"]} == {"plan-run"}
    assert [row["member_id"] for row in records["eligibility"]] == ["m-run", "m-run-1", "m-run-2"]
    assert bundle.data() == {
        **bundle.keys(),
        "member_ids": ["m-run", "m-run-1", "m-run-2"],
        "eligibility_ids": ["elig-run", "elig-run-1", "elig-run-2"],
        "claim_ids": ["claim-run", "claim-run-1"],
    }


def values_of(scenario_id: str) -> Any:
    """What a scenario makes of seed 7, without its keys, as JSON reads it back."""
    records = rows_of(make_plan(scenario_id))
    hidden = {name: {entity.key, "test_run_id", *_own_refs(name)} for name, entity in PACK.entities.items()}
    kept = {
        name: [{column: value for column, value in row.items() if column not in hidden[name]} for row in rows]
        for name, rows in records.items()
    }
    return msgspec.json.decode(msgspec.json.encode({"pack_version": PACK.version, "as_of": AS_OF, "records": kept}))


def _own_refs(name: str) -> set[str]:
    refs = PACK.entities[name].refs()
    return {column for column, parent in refs.items() if not PACK.entities[parent].reference}


@pytest.mark.parametrize("scenario_id", SHOWN)
def test_golden_values(scenario_id: str) -> None:
    """Seed 7 on 4 July 2026 makes the stored values, in every process and on every Python (see this module's top)."""
    golden = json.loads((GOLDEN / f"{scenario_id}.json").read_text(encoding="utf-8"))
    assert values_of(scenario_id) == golden


def test_no_golden_file_is_left_over() -> None:
    """There is a golden file for each scenario and for nothing else."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(PACK.scenarios)


def test_a_request_s_constraints_are_obeyed() -> None:
    """What a request sets is what the rows show, and the validators still judge."""
    plan = make_plan("active_member_clean", member_status=INACTIVE)
    bundle = generate(PACK, plan, "run")
    assert bundle.records()["member"][0]["status"] == INACTIVE
    broken = [finding.validator for finding in judge(PACK, plan, bundle) if not finding.ok]
    assert broken == ["relational.eligibility_status_matches_member"]


def write_golden() -> None:
    """Write the golden files again."""
    for scenario_id in PACK.scenarios:
        text = json.dumps(values_of(scenario_id), indent=1, ensure_ascii=True)
        (GOLDEN / f"{scenario_id}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
