"""What each healthcare validator must reject, whatever scenario the bundle was made for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from atdm_core import Table, days
from atdm_core.testing import Mutation, mutation

__all__ = ["MUTATIONS"]

STATUS = "relational.eligibility_status_matches_member"
MEMBER = "relational.claim_references_existing_member"
DENIAL = "domain.denial_requires_invalid_code"
WINDOW = "temporal.eligibility_window_contains_claim"
DAY = np.timedelta64(1, "D")
SECOND = np.timedelta64(1, "s")

Tables = Mapping[str, Table]
Cells = Mapping[str, Any]
UNEXPLAINED = {
    "claim.status": "denied",
    "claim.procedure_code": "99213",
    "claim.diagnosis_code": "R51",
    "claim.denial_reason": None,
}


@mutation(STATUS)
def inactive_member_with_active_eligibility(tables: Tables) -> Cells:
    """Whatever else is said of them."""
    return {"member.status": "inactive", "eligibility.status": "active"}


@mutation(MEMBER)
def claim_of_nobody(tables: Tables) -> Cells:
    """A key that no row has."""
    return {"claim.member_id": "m-nobody"}


@mutation(MEMBER)
def claim_of_a_plan(tables: Tables) -> Cells:
    """A key of the bundle, of a row that is no member."""
    return {"claim.member_id": tables["plan"].rows()[0]["plan_id"]}


@mutation(DENIAL)
def denied_for_no_reason(tables: Tables) -> Cells:
    """Two valid codes, and nothing said."""
    return UNEXPLAINED


@mutation(DENIAL)
def denied_for_other_valid_codes(tables: Tables) -> Cells:
    """Valid codes that the mutation above does not have."""
    return {**UNEXPLAINED, "claim.procedure_code": "70553", "claim.diagnosis_code": "M54.5"}


@mutation(WINDOW)
def denied_the_day_after(tables: Tables) -> Cells:
    """A second after the last moment."""
    return _claim("denied", "active", _end(tables) + DAY)


@mutation(WINDOW)
def pending_the_day_after(tables: Tables) -> Cells:
    """The other status that is judged."""
    return _claim("pending", "active", _end(tables) + DAY)


@mutation(WINDOW)
def denied_the_evening_before(tables: Tables) -> Cells:
    """The last moment that is too early."""
    return _claim("denied", "active", tables["eligibility"]["effective_from"].min().astype("datetime64[s]") - SECOND)


@mutation(WINDOW)
def pending_long_before(tables: Tables) -> Cells:
    """Years, and of an eligibility that is inactive, which excuses nothing."""
    start = tables["eligibility"]["effective_from"].min().astype("datetime64[s]")
    return _claim("pending", "inactive", start - 2000 * DAY)


@mutation(WINDOW)
def window_before_the_claim(tables: Tables) -> Cells:
    """The window moves instead of the claim."""
    first = days(tables["claim"]["submitted_at"]).min()
    return {
        "claim.status": "pending",
        "eligibility.status": "active",
        "eligibility.effective_from": first - 10 * DAY,
        "eligibility.effective_to": first - DAY,
    }


@mutation(WINDOW)
def window_after_the_claim(tables: Tables) -> Cells:
    """And to the other side."""
    last = days(tables["claim"]["submitted_at"]).max()
    return {
        "claim.status": "denied",
        "eligibility.status": "inactive",
        "eligibility.effective_from": last + DAY,
        "eligibility.effective_to": last + 10 * DAY,
    }


MUTATIONS: tuple[Mutation, ...] = (
    inactive_member_with_active_eligibility,
    claim_of_nobody,
    claim_of_a_plan,
    denied_for_no_reason,
    denied_for_other_valid_codes,
    denied_the_day_after,
    pending_the_day_after,
    denied_the_evening_before,
    pending_long_before,
    window_before_the_claim,
    window_after_the_claim,
)


def _claim(status: str, eligibility: str, at: np.datetime64) -> Cells:
    return {"claim.status": status, "eligibility.status": eligibility, "claim.submitted_at": at}


def _end(tables: Tables) -> np.datetime64:
    return tables["eligibility"]["effective_to"].max().astype("datetime64[s]")
