"""The eight knobs of the domain."""

from atdm_core import Constraint

__all__ = ["CONSTRAINTS"]

CONSTRAINTS = (
    Constraint(
        name="member_status",
        description="Whether the member is enrolled.",
        allowed=("active", "inactive"),
        default="active",
    ),
    Constraint(
        name="provider_network",
        description="Whether the provider belongs to the plan's network.",
        allowed=("in_network", "out_of_network"),
        default="in_network",
    ),
    Constraint(
        name="eligibility_status",
        description="What the payer's system says of the member's eligibility.",
        allowed=("active", "inactive", "expired"),
        default="active",
    ),
    Constraint(
        name="eligibility_window",
        description="When the eligibility holds: around today, until some day of last year, or from some later day.",
        allowed=("current", "expired_last_year", "future"),
        default="current",
    ),
    Constraint(
        name="claim_status",
        description="What became of the claim.",
        allowed=("paid", "denied", "pending"),
        default="paid",
    ),
    Constraint(
        name="procedure_code",
        description="What was done: an office visit (99213, 99214), a brain MRI (70553), or no code at all (00000).",
        allowed=("99213", "99214", "70553", "00000"),
        default="99213",
    ),
    Constraint(
        name="diagnosis_code",
        description="Why: a check-up (Z00.00), back pain (M54.5), headache (R51), or no code at all (ZZZ.99).",
        allowed=("Z00.00", "M54.5", "R51", "ZZZ.99"),
        default="Z00.00",
    ),
    Constraint(
        name="denial_reason",
        description="Why the claim was denied. Null: the invalid code of a denied claim is its reason.",
        allowed=(
            None,
            "invalid_procedure_code",
            "invalid_diagnosis_code",
            "eligibility_expired",
            "out_of_network",
            "duplicate_claim",
        ),
        default=None,
    ),
)
