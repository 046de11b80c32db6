"""One generator for each entity that runs make, each written once for a request, a volume and a search."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from atdm_core import Draw, Generator, Pool, generator
from atdm_healthcare.entities import INVALID_DIAGNOSES, INVALID_PROCEDURES
from atdm_healthcare.pools import (
    CITIES,
    CLINICS,
    FIRST_NAMES,
    LAST_NAMES,
    PLANS,
    PROVIDER_NUMBERS,
    STREETS,
    ZIPS,
)

__all__ = ["GENERATORS"]

COVERAGE_TYPES = Pool(("hmo", "ppo", "epo", "pos"))
CLAIM_AGE = 30  # days; every window keeps its distance from the claims by more than this


@generator("plan")
def generate_plan(draw: Draw) -> Mapping[str, Any]:
    """A plan that has been on offer for one to ten years."""
    return {
        "plan_id": draw.key("plan"),
        "name": draw.choice("name", PLANS),
        "coverage_type": draw.choice("coverage_type", COVERAGE_TYPES),
        "effective_date": draw.day("effective_date", -3650, -400),
    }


@generator("provider")
def generate_provider(draw: Draw) -> Mapping[str, Any]:
    """A clinic, in or out of the network."""
    return {
        "provider_id": draw.key("prov"),
        "name": draw.choice("name", CLINICS),
        "network_status": draw.constraint("provider_network"),
        "npi_fake": draw.choice("npi_fake", PROVIDER_NUMBERS),
    }


@generator("member")
def generate_member(draw: Draw) -> Mapping[str, Any]:
    """An adult of 18 to 90 years, on the plan."""
    number = draw.integer("address_number", 1, 999)
    return {
        "member_id": draw.key("m"),
        "status": draw.constraint("member_status"),
        "first_name": draw.choice("first_name", FIRST_NAMES),
        "last_name": draw.choice("last_name", LAST_NAMES),
        "date_of_birth": draw.day("date_of_birth", -90 * 365, -18 * 366),
        "address_line1": draw.text("{} {}", number, draw.choice("address_line1", STREETS)),
        "address_city": draw.choice("address_city", CITIES),
        "address_state": "ZZ",
        "address_zip": draw.choice("address_zip", ZIPS),
        "plan_id": draw.ref("plan"),
    }


@generator("eligibility")
def generate_eligibility(draw: Draw) -> Mapping[str, Any]:
    """The member's window of eligibility."""
    (first_from, last_from), (first_to, last_to) = _window(draw.constraint("eligibility_window"), draw.as_of)
    return {
        "eligibility_id": draw.key("elig"),
        "member_id": draw.ref("member"),
        "effective_from": draw.day("effective_from", first_from, last_from),
        "effective_to": draw.day("effective_to", first_to, last_to),
        "status": draw.constraint("eligibility_status"),
    }


@generator("claim")
def generate_claim(draw: Draw) -> Mapping[str, Any]:
    """A claim of the last thirty days."""
    return {
        "claim_id": draw.key("claim"),
        "member_id": draw.ref("member"),
        "provider_id": draw.ref("provider"),
        "procedure_code": draw.constraint("procedure_code"),
        "diagnosis_code": draw.constraint("diagnosis_code"),
        "status": draw.constraint("claim_status"),
        "submitted_at": draw.instant("submitted_at", -CLAIM_AGE, -1),
        "denial_reason": _denial_reason(draw),
    }


GENERATORS: tuple[Generator, ...] = (
    generate_plan,
    generate_provider,
    generate_member,
    generate_eligibility,
    generate_claim,
)


def _denial_reason(draw: Draw) -> str | None:
    """What was asked for, else the invalid code that denied the claim, else nothing, which the validators refuse."""
    asked: str | None = draw.constraint("denial_reason")
    if asked is not None or draw.constraint("claim_status") != "denied":
        return asked
    if draw.constraint("procedure_code") in INVALID_PROCEDURES:
        return "invalid_procedure_code"
    return "invalid_diagnosis_code" if draw.constraint("diagnosis_code") in INVALID_DIAGNOSES else None


def _window(name: str, as_of: date) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and last possible start, and the first and last possible end, in days after `as_of`."""
    if name == "current":
        return (-300, -60), (60, 300)
    if name == "future":
        return (30, 90), (180, 400)
    last_year = date(as_of.year - 1, 1, 1)
    first_end = (last_year - as_of).days
    last_end = (min(date(as_of.year - 1, 12, 31), as_of - timedelta(days=CLAIM_AGE + 1)) - as_of).days
    return (first_end - 365, first_end - 30), (first_end, last_end)
