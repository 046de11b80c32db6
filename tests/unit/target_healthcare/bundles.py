"""Bundles for tests: the five rows that show one denied claim."""

from typing import TypeAlias

Row: TypeAlias = dict[str, object]
Tables: TypeAlias = dict[str, list[Row]]

SHA = "a" * 64
OTHER_SHA = "b" * 64


def denied_claim(run_id: str) -> Tables:
    """The rows of a run, children first, so that the target has to put them in order."""
    tag: Row = {"test_run_id": run_id}
    claim: Row = {
        "claim_id": f"claim-{run_id}",
        "member_id": f"m-{run_id}",
        "provider_id": f"prov-{run_id}",
        "procedure_code": "00000",
        "diagnosis_code": "R51",
        "status": "denied",
        "submitted_at": "2026-03-01T10:30:00Z",
        "denial_reason": "invalid procedure code",
    }
    eligibility: Row = {
        "eligibility_id": f"elig-{run_id}",
        "member_id": f"m-{run_id}",
        "effective_from": "2026-01-01",
        "effective_to": "2026-12-31",
        "status": "active",
    }
    member: Row = {
        "member_id": f"m-{run_id}",
        "status": "active",
        "first_name": "FAKE_Alice",
        "last_name": "FAKE_Smith",
        "date_of_birth": "1990-04-12",
        "address_line1": "12 FAKE_Elm Street",
        "address_city": "FAKE_Town",
        "address_state": "ZZ",
        "address_zip": "00000",
        "plan_id": f"plan-{run_id}",
    }
    provider: Row = {
        "provider_id": f"prov-{run_id}",
        "name": "FAKE_Clinic",
        "network_status": "out_of_network",
        "npi_fake": "FAKE_1234567890",
    }
    plan: Row = {
        "plan_id": f"plan-{run_id}",
        "name": "FAKE_Plan",
        "coverage_type": "ppo",
        "effective_date": "2026-01-01",
    }
    rows = {"claim": claim, "eligibility": eligibility, "member": member, "provider": provider, "plan": plan}
    return {table: [row | tag] for table, row in rows.items()}


def seed_body(run_id: str, sha: str = SHA, ttl_seconds: int | None = None) -> dict[str, object]:
    """The body of a seed of `denied_claim`."""
    return {"bundle_sha": sha, "ttl_seconds": ttl_seconds, "tables": denied_claim(run_id)}
