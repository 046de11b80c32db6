"""Runs with an end, on the running stack: the server takes them back by itself."""

import time

from atdm.client import AtdmClient
from atdm.contract import ScenarioAnswer
from infra.local_stack import Stack
from tests.surface.surfaces import HttpSurface

PATIENCE = 30.0  # seconds; a round of expiry comes every five, give or take half


def status_of(client: AtdmClient, run: ScenarioAnswer) -> str | None:
    """What became of a run, by its trail."""
    return client.get_audit(run["test_run_id"])["status"]


def test_a_run_whose_time_is_up_is_taken_back(stack: Stack) -> None:
    """Its rows go, its trail says so, a reset afterwards is harmless, and the extended run beside it stays whole."""
    with AtdmClient(stack.api_url, stack.api_token) as client, HttpSurface(stack) as surface:
        short = client.request_scenario("active_member_clean", ttl_seconds=1)
        longer = client.request_scenario("active_member_clean", ttl_seconds=2)
        token = longer["cleanup"]["cleanup_token"]
        extended = client.extend_run(longer["test_run_id"], token, 600)
        assert extended["expires_at"] > str(longer["cleanup"]["expires_at"])
        deadline = time.monotonic() + PATIENCE
        while status_of(client, short) != "expired" and time.monotonic() < deadline:
            time.sleep(0.2)
        trail = client.get_audit(short["test_run_id"])
        assert (trail["status"], trail["events"][-1]["action"]) == ("expired", "run_expired")
        assert sum(surface.rows(short["test_run_id"]).values()) == 0
        again = client.reset_run(short["test_run_id"], short["cleanup"]["cleanup_token"])
        assert again["status"] == "already_cleaned"
        assert sum(surface.rows(longer["test_run_id"]).values()) == 5
        (listed,) = [run for run in client.list_runs()["runs"] if run["test_run_id"] == longer["test_run_id"]]
        assert listed["status"] == "ready"
        assert client.reset_run(longer["test_run_id"], token)["status"] == "cleaned"
