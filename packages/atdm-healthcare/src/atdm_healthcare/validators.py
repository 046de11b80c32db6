"""The four validators: what must hold across the entities of a bundle."""

from atdm_core import Mask, Table, days, references, validator
from atdm_healthcare.entities import INVALID_DIAGNOSES, INVALID_PROCEDURES

__all__ = ["VALIDATORS"]


@validator(
    "relational.eligibility_status_matches_member",
    over="eligibility",
    beside="member",
    shows=("eligibility.status", "member.status"),
)
def eligibility_status_matches_member(eligibility: Table, member: Table) -> Mask:
    """An inactive member has no active eligibility."""
    return (member["status"] == "inactive") & (eligibility["status"] == "active")


@validator(
    "domain.denial_requires_invalid_code",
    over="claim",
    shows=("claim.status", "claim.procedure_code", "claim.diagnosis_code", "claim.denial_reason"),
)
def denial_requires_invalid_code(claim: Table) -> Mask:
    """A denied claim has an invalid procedure or diagnosis code, or a denial reason."""
    invalid = claim["procedure_code"].isin(*INVALID_PROCEDURES) | claim["diagnosis_code"].isin(*INVALID_DIAGNOSES)
    return (claim["status"] == "denied") & ~invalid & claim["denial_reason"].isin(None)


@validator(
    "temporal.eligibility_window_contains_claim",
    over="claim",
    beside="eligibility",
    broken_when="all",
    shows=("claim.status", "claim.submitted_at", "eligibility.effective_from", "eligibility.effective_to"),
)
def eligibility_window_contains_claim(claim: Table, eligibility: Table) -> Mask:
    """A denied or pending claim falls in the eligibility window, unless the eligibility is expired."""
    judged = claim["status"].isin("denied", "pending") & (eligibility["status"] != "expired")
    day = days(claim["submitted_at"])
    return judged & ((day < eligibility["effective_from"]) | (day > eligibility["effective_to"]))


VALIDATORS = (
    eligibility_status_matches_member,
    references("relational.claim_references_existing_member", over="claim", column="member_id", entity="member"),
    denial_requires_invalid_code,
    eligibility_window_contains_claim,
)
