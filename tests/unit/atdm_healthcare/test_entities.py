"""The seven entities of the domain."""

from atdm_core import FakeText, Instant, OneOf, Ref
from atdm_healthcare import PACK
from atdm_healthcare.entities import INVALID_DIAGNOSES, INVALID_PROCEDURES
from tests.unit.atdm_healthcare.plans import make_plan, rows_of

COLUMNS = {
    "procedure_code": "code description is_valid",
    "diagnosis_code": "code description is_valid",
    "plan": "plan_id name coverage_type effective_date",
    "provider": "provider_id name network_status npi_fake",
    "member": "member_id status first_name last_name date_of_birth address_line1 address_city address_state "
    "address_zip plan_id",
    "eligibility": "eligibility_id member_id effective_from effective_to status",
    "claim": "claim_id member_id provider_id procedure_code diagnosis_code status submitted_at denial_reason",
}


def test_entities_and_columns_are_those_of_the_contract() -> None:
    """Entities and their columns are the contract's, the code tables are shared, every row carries its run."""
    assert {name: " ".join(entity.columns) for name, entity in PACK.entities.items()} == COLUMNS
    assert {name for name, entity in PACK.entities.items() if entity.reference} == {"procedure_code", "diagnosis_code"}
    assert {entity.run_column for entity in PACK.entities.values()} == {"test_run_id"}


def test_references_are_those_of_the_contract() -> None:
    """A member is on a plan, an eligibility is a member's, a claim has member, provider and two codes."""
    assert {name: dict(entity.refs()) for name, entity in PACK.entities.items() if entity.refs()} == {
        "member": {"plan_id": "plan"},
        "eligibility": {"member_id": "member"},
        "claim": {
            "member_id": "member",
            "provider_id": "provider",
            "procedure_code": "procedure_code",
            "diagnosis_code": "diagnosis_code",
        },
    }


def test_codes_of_the_constraints_are_the_shared_ones() -> None:
    """One procedure and one diagnosis of those that can be asked for are invalid."""
    procedures, diagnoses = PACK.constraints["procedure_code"].allowed, PACK.constraints["diagnosis_code"].allowed
    assert procedures is not None
    assert diagnoses is not None
    assert set(INVALID_PROCEDURES) == {"00000"} < set(procedures)
    assert set(INVALID_DIAGNOSES) == {"ZZZ.99"} < set(diagnoses)


def test_what_names_people_or_places_must_be_marked() -> None:
    """Names, streets and cities can only hold marked text, and the state is one that does not exist."""
    for name in ("plan.name", "provider.name", "provider.npi_fake", "member.first_name", "member.last_name"):
        entity, column = name.split(".")
        assert isinstance(PACK.entities[entity].columns[column], FakeText)
    member = PACK.entities["member"].columns
    assert isinstance(member["address_line1"], FakeText)
    assert isinstance(member["address_city"], FakeText)
    assert isinstance(member["address_state"], OneOf)
    assert member["address_state"].allowed == ("ZZ",)
    assert isinstance(PACK.entities["claim"].columns["submitted_at"], Instant)
    assert isinstance(PACK.entities["claim"].columns["member_id"], Ref)


def test_members_are_adults() -> None:
    """Every member is between 18 and 90 years old on the day of the bundle."""
    for seed in range(200):
        plan = make_plan("active_member_clean", seed=seed)
        born = rows_of(plan)["member"][0]["date_of_birth"]
        years = plan.as_of.year - born.year - ((plan.as_of.month, plan.as_of.day) < (born.month, born.day))
        assert 18 <= years <= 90
