"""Asking for data: what is answered, what is written, what is recorded, what is refused."""

import importlib.util
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.surface.surfaces import TABLES, RefusedError, Surface

SCENARIOS = (
    "active_member_clean",
    "claim_denial_active_member",
    "expired_eligibility",
    "out_of_network_pending_claim",
    "inactive_member_with_history",
)
ONE_EACH = dict.fromkeys(TABLES, 1)
NONE_EACH = dict.fromkeys(TABLES, 0)
READY = [
    "request_received",
    "plan_resolved",
    "validators_passed",
    "seed_started",
    "seed_completed",
    "fixtures_emitted",
    "catalog_recorded",
]


def actions(trail: Any) -> list[str]:
    """The actions of a trail, in order."""
    return [event["action"] for event in trail["events"]]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_leaves_one_row_in_each_table_and_none_after_reset(surface: Surface, scenario: str) -> None:
    """Every scenario writes exactly one row into each of the five mutable tables, and a reset leaves none."""
    answer = surface.request({"domain": "healthcare", "scenario": scenario})
    run_id = answer["test_run_id"]
    assert surface.rows(run_id) == ONE_EACH
    outcome = surface.reset(run_id, answer["cleanup"]["cleanup_token"])
    assert outcome["status"] == "cleaned"
    assert {table: outcome["deleted_counts"][table] for table in TABLES} == ONE_EACH
    assert surface.rows(run_id) == NONE_EACH


def test_several_rows_of_an_entity_are_all_named(surface: Surface) -> None:
    """Where a scenario makes several rows of an entity, the answer has the first one's key and a list of all."""
    answer = surface.request({"scenario": "multi_claim_member"})
    run_id = answer["test_run_id"]
    assert answer["data"]["claim_id"] == f"claim-{run_id}"
    assert answer["data"]["claim_ids"] == [f"claim-{run_id}", f"claim-{run_id}-1"]
    assert len(answer["data"]["member_ids"]) == len(answer["data"]["eligibility_ids"]) == 3
    assert surface.rows(run_id) == {**ONE_EACH, "claim": 2, "member": 3, "eligibility": 3}
    surface.reset(run_id, answer["cleanup"]["cleanup_token"])
    assert surface.rows(run_id) == NONE_EACH


def test_answer_names_what_was_made(surface: Surface) -> None:
    """The answer carries the run, the key of each entity, the seed, and how to take it all back."""
    answer = surface.request({"scenario": "active_member_clean", "seed": 11, "as_of": "2026-07-04"})
    run_id = answer["test_run_id"]
    assert answer["status"] == "ready"
    assert answer["request_id"].startswith("tdr_")
    assert answer["data"] == {
        "plan_id": f"plan-{run_id}",
        "provider_id": f"prov-{run_id}",
        "member_id": f"m-{run_id}",
        "eligibility_id": f"elig-{run_id}",
        "claim_id": f"claim-{run_id}",
    }
    assert answer["fixtures"] == {"playwright": None, "pytest": None}
    assert answer["cleanup"]["endpoint"] == f"/test-data/runs/{run_id}/reset"
    assert answer["cleanup"]["expires_at"] is None
    assert (answer["seed"], answer["as_of"]) == (11, "2026-07-04")
    assert surface.trail(run_id)["head"] == answer["audit_head"]
    assert "records" not in answer


def test_same_seed_gives_same_values(surface: Surface) -> None:
    """Two runs of one seed, day and scenario have equal values in every column that is not a key."""
    body = {"scenario": "active_member_clean", "seed": 5, "as_of": "2026-07-04", "delivery": {"return_records": True}}
    first, second = surface.request(body), surface.request(body)
    assert first["test_run_id"] != second["test_run_id"]

    def values(answer: Any) -> Any:
        run_id = answer["test_run_id"]
        return json.loads(json.dumps(answer["records"]).replace(run_id, "<run>"))

    assert values(first) == values(second)
    assert values(surface.request({**body, "seed": 6})) != values(first)


def test_draws_are_the_values_themselves(surface: Surface) -> None:
    """A seed that lists all draws is answered and recorded as it came, and makes exactly what was drawn."""
    seed = [0] * 14 + [43_200, 29]
    body = {
        "scenario": "active_member_clean",
        "seed": seed,
        "as_of": "2026-07-04",
        "delivery": {"return_records": True},
    }
    answer = surface.request(body)
    run_id = answer["test_run_id"]
    assert answer["records"]["claim"][0]["submitted_at"].startswith("2026-07-03T12:00:00")
    assert answer["records"]["member"][0]["address_zip"] == "00000"
    assert list(answer["seed"]) == list(surface.trail(run_id)["plan"]["seed"]) == seed
    assert surface.runs(limit=1)[0]["seed"] is None
    surface.reset(run_id, answer["cleanup"]["cleanup_token"])


def test_trail_tells_the_steps_in_order(surface: Surface) -> None:
    """The trail of a ready run holds the contract's events in order, its plan, decisions and records."""
    answer = surface.request({"scenario": "claim_denial_active_member"}, invoker="agent:planner-7")
    trail = surface.trail(answer["test_run_id"])
    assert actions(trail) == READY
    assert {event["invoker"] for event in trail["events"]} == {"agent:planner-7"}
    assert trail["invoker"] == "agent:planner-7"
    assert (trail["scenario_id"], trail["planner_mode"]) == ("claim_denial_active_member", "rule")
    assert trail["prompt"] is None
    assert trail["plan"]["constraints"]["claim_status"] == "denied"
    assert [decision["ok"] for decision in trail["validator_decisions"]] == [True] * 4
    assert trail["records_created"] == [
        {"table_name": table, "primary_key": key} for table, key in zip(TABLES, answer["data"].values(), strict=True)
    ]
    assert trail["reset_status"] == "not_reset"
    assert trail["duration_ms"] > 0


def test_contradiction_is_rejected_by_name(surface: Surface) -> None:
    """A contradiction is refused with the validator's name, writes nothing, and its trail ends in plan_rejected."""
    constraints = {"member_status": "inactive", "eligibility_status": "active"}
    with pytest.raises(RefusedError) as refused:
        surface.request({"scenario": "active_member_clean", "constraints": constraints})
    error = refused.value
    assert error.code == "VALIDATOR_REJECTED"
    assert error.details["validators"] == ["relational.eligibility_status_matches_member"]
    assert "relational.eligibility_status_matches_member" in error.message
    assert error.run_id is not None
    assert surface.rows(error.run_id) == NONE_EACH
    trail = surface.trail(error.run_id)
    assert actions(trail) == ["request_received", "plan_resolved", "plan_rejected"]
    assert trail["events"][-1]["status"] == "rejected"
    assert trail["status"] == "rejected"
    assert surface.runs(status="rejected", limit=1)[0]["test_run_id"] == error.run_id


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({"scenario": "no_such"}, "SCENARIO_NOT_FOUND", SCENARIOS),
        ({"scenario": "no_such", "domain": "healthcare"}, "SCENARIO_NOT_FOUND", SCENARIOS),
        ({"scenario": "active_member_clean", "domain": "banking"}, "DOMAIN_NOT_FOUND", ("healthcare",)),
        (
            {"scenario": "active_member_clean", "constraints": {"colour": "red"}},
            "UNKNOWN_CONSTRAINT",
            ("member_status", "denial_reason"),
        ),
        (
            {"scenario": "active_member_clean", "constraints": {"claim_status": "lost"}},
            "INVALID_CONSTRAINT",
            ("paid", "denied", "pending"),
        ),
        (
            {"scenario": "active_member_clean", "seed": [0] * 15},
            "INVALID_DRAWS",
            ("there are 15, and claim.submitted_at needs one more",),
        ),
        (
            {"scenario": "active_member_clean", "seed": [0] * 17},
            "INVALID_DRAWS",
            ("there are 17, and the bundle needs 16",),
        ),
        (
            {"scenario": "active_member_clean", "seed": [0, 4]},
            "INVALID_DRAWS",
            ("[1] is 4, and plan.coverage_type needs one from 0 to 3",),
        ),
    ],
)
def test_unknown_names_are_refused_with_what_exists(
    surface: Surface, body: Any, code: str, told: tuple[str, ...]
) -> None:
    """A scenario, domain, constraint or value that does not exist is refused with the list of those that do."""
    with pytest.raises(RefusedError) as refused:
        surface.request(body)
    assert refused.value.code == code
    for name in told:
        assert name in refused.value.message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "scenario"),
        ({"scenario": "active_member_clean", "color": 1}, "color"),
        ({"scenario": "active_member_clean", "delivery": {"fax": True}}, "fax"),
        ({"scenario": "active_member_clean", "seed": -1}, "seed"),
        ({"scenario": "active_member_clean", "as_of": "yesterday"}, "as_of"),
        ({"scenario": "active_member_clean", "ttl_seconds": 0}, "ttl_seconds"),
    ],
)
def test_malformed_requests_are_refused_by_field(surface: Surface, body: Any, told: str) -> None:
    """A request of the wrong shape is refused with the name of the field at fault."""
    with pytest.raises(RefusedError) as refused:
        surface.request(body)
    assert refused.value.code == "INVALID_REQUEST"
    assert told in f"{refused.value.message} {refused.value.details}"


def test_without_target_nothing_is_written(surface: Surface) -> None:
    """With seed_target off the bundle is planned, judged, recorded and returned, and the target stays as it was."""
    delivery = {"seed_target": False, "return_records": True}
    answer = surface.request({"scenario": "active_member_clean", "delivery": delivery})
    assert {table: len(rows) for table, rows in answer["records"].items()} == ONE_EACH
    assert surface.rows(answer["test_run_id"]) == NONE_EACH
    assert actions(surface.trail(answer["test_run_id"])) == [a for a in READY if not a.startswith("seed")]


def test_fixture_files_carry_the_run(surface: Surface) -> None:
    """All fixture files hold scenario, run, data and cleanup, and the trail tells where they are."""
    delivery = {"return_playwright_fixture": True, "return_pytest_fixture": True}
    answer = surface.request({"scenario": "active_member_clean", "delivery": delivery})
    run_id, paths = answer["test_run_id"], answer["fixtures"]
    expected = {
        "scenario_id": "active_member_clean",
        "test_run_id": run_id,
        "data": answer["data"],
        "cleanup": answer["cleanup"],
    }
    assert Path(paths["playwright"]).name == f"active_member_clean_{run_id}.json"
    assert json.loads(Path(paths["playwright"]).read_text()) == expected
    spec = importlib.util.spec_from_file_location("fixture", paths["pytest"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.scenario_data() == expected
    assert ("active_member_clean", run_id) == (module.SCENARIO_ID, module.TEST_RUN_ID)
    typescript = Path(paths["playwright"]).with_suffix(".ts")
    assert typescript.read_text().endswith(f"= {Path(paths['playwright']).read_text().strip()};\n")
    assert surface.trail(run_id)["fixtures_emitted"] == [paths["playwright"], str(typescript), paths["pytest"]]


def test_same_key_gives_the_same_answer_and_one_seed(surface: Surface) -> None:
    """A request sent again with its idempotency key is answered alike, token included, and seeds nothing more."""
    key, body = uuid4().hex, {"scenario": "active_member_clean"}
    first, second = surface.request(body, key=key), surface.request(body, key=key)
    assert first == second
    assert surface.rows(first["test_run_id"]) == ONE_EACH
    surface.reset(first["test_run_id"], second["cleanup"]["cleanup_token"])
    assert surface.rows(first["test_run_id"]) == NONE_EACH


def test_key_of_another_body_is_refused(surface: Surface) -> None:
    """An idempotency key that was sent with another body is refused."""
    key = uuid4().hex
    surface.request({"scenario": "active_member_clean"}, key=key)
    with pytest.raises(RefusedError) as refused:
        surface.request({"scenario": "expired_eligibility"}, key=key)
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_catalog_lists_runs_newest_first(surface: Surface) -> None:
    """The catalog lists runs newest first, by scenario and by the status they have now, without token or hash."""
    older, newer = (surface.request({"scenario": "expired_eligibility"}) for _ in range(2))
    listed = surface.runs(scenario="expired_eligibility", limit=2)
    assert [run["test_run_id"] for run in listed] == [newer["test_run_id"], older["test_run_id"]]
    assert {run["status"] for run in listed} == {"ready"}
    surface.reset(older["test_run_id"], older["cleanup"]["cleanup_token"])
    cleaned = surface.runs(scenario="expired_eligibility", status="cleaned", limit=1)
    assert cleaned[0]["test_run_id"] == older["test_run_id"]


def test_time_to_live_becomes_an_expiry(surface: Surface) -> None:
    """A time to live is answered as the moment of expiry."""
    answer = surface.request({"scenario": "active_member_clean", "ttl_seconds": 600})
    assert answer["cleanup"]["expires_at"] is not None
