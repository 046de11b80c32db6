"""A test of the healthcare target that asks for its data by intent, and leaves nothing behind.

Run it against a local stack: `make up`, then `.venv/bin/python -m pytest examples`.
"""

import os
from typing import Any

import httpx2

from atdm.pytest import atdm_scenario

TARGET_URL = os.environ.get("TARGET_URL", "http://127.0.0.1:18000")


@atdm_scenario("claim_denial_active_member", constraints={"provider_network": "out_of_network"})
def test_denied_claim(atdm_data: dict[str, Any]) -> None:
    """The API shows the denied claim of an active member, with its reason."""
    ids = atdm_data["data"]
    print(f"the test uses run {atdm_data['test_run_id']}")

    claim = httpx2.get(f"{TARGET_URL}/claims/{ids['claim_id']}").json()
    member = httpx2.get(f"{TARGET_URL}/members/{ids['member_id']}").json()
    page = httpx2.get(f"{TARGET_URL}/ui/members/{ids['member_id']}").text

    assert member["status"] == "active"
    assert (claim["status"], claim["procedure_code"]) == ("denied", "00000")
    assert ids["claim_id"] in page
