"""The application in this process, with its store on disk and its target away."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.atdm_server.store.stores import objects_of

REQUESTS = "/test-data/requests"
DRY: dict[str, Any] = {"scenario": "active_member_clean", "delivery": {"seed_target": False}}


def refusal(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer, after a look at its shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["x-request-id"]
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) <= {"code", "message", "details", "test_run_id"}
    assert error["code"] == code
    assert isinstance(error["details"], dict)
    assert error["message"]
    return error


async def test_health(client: httpx2.AsyncClient) -> None:
    """The process says that it lives, whether or not its target does."""
    response = await client.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


async def test_ready_names_what_is_missing(client: httpx2.AsyncClient) -> None:
    """A server whose target is away is not ready, and says which of the two is missing."""
    error = refusal(await client.get("/health/ready"), 503, "NOT_READY")
    assert list(error["details"]) == ["target"]
    assert "cannot be reached" in error["message"]


@pytest.mark.parametrize("path", ["/nowhere", "/test-data", "/audit/runs", "/docs/nowhere", "/static/nowhere.js"])
async def test_unknown_path(client: httpx2.AsyncClient, path: str) -> None:
    """A path that does not exist is a 404 in the one shape."""
    refusal(await client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", REQUESTS),
        ("PUT", REQUESTS),
        ("DELETE", "/audit/runs/x"),
        ("PATCH", "/audit/runs/x"),
        ("POST", "/audit/runs/x"),
        ("DELETE", "/catalog/runs"),
    ],
)
async def test_wrong_method(client: httpx2.AsyncClient, method: str, path: str) -> None:
    """A method that a path does not take is a 405 that names both, and what it takes instead."""
    response = await client.request(method, path)
    error = refusal(response, 405, "METHOD_NOT_ALLOWED")
    assert method in error["message"]
    assert path in error["message"]
    assert response.headers["allow"]


async def test_body_that_is_too_large(client: httpx2.AsyncClient) -> None:
    """A body of more than 256 KiB is a 413 that says how much may be sent."""
    body = json.dumps({"scenario": "x" * 300_000}).encode()
    response = await client.post(REQUESTS, content=body, headers={"content-type": "application/json"})
    assert "256 KiB" in refusal(response, 413, "BODY_TOO_LARGE")["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"\xff", b'"text"', b'{"scenario": 5}'])
async def test_body_that_is_no_request(client: httpx2.AsyncClient, content: bytes) -> None:
    """A body that is no JSON, or no request, is a 400."""
    response = await client.post(REQUESTS, content=content, headers={"content-type": "application/json"})
    refusal(response, 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"scenario": "x", "colour": "red"}, "colour"),
        ({"scenario": "x", "delivery": {"sede_target": True}}, "sede_target"),
        ({"scenario": "x", "ttl_seconds": 0}, "ttl_seconds"),
        ({}, "scenario"),
    ],
)
async def test_wrong_field_is_named(client: httpx2.AsyncClient, body: dict[str, Any], name: str) -> None:
    """A field that is unknown, missing or wrong is refused by its name."""
    error = refusal(await client.post(REQUESTS, json=body), 400, "INVALID_REQUEST")
    assert name in error["message"] + json.dumps(error["details"])


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", "Basic an-api-token-of-this-test", "an-api-token-of-this-test"],
)
@pytest.mark.parametrize("path", [REQUESTS, "/test-data/runs/x/reset"])
async def test_mutation_without_the_token(client: httpx2.AsyncClient, path: str, authorization: str | None) -> None:
    """A mutation without the right bearer token is a 401, whatever its body is, and leaves no trace."""
    del client.headers["authorization"]
    headers = {} if authorization is None else {"authorization": authorization}
    response = await client.post(path, content=b"{", headers={"content-type": "application/json", **headers})
    error = refusal(response, 401, "AUTH_REQUIRED")
    assert "Authorization: Bearer" in error["message"]
    assert response.headers["www-authenticate"] == "Bearer"


async def test_scheme_is_not_case_sensitive(client: httpx2.AsyncClient) -> None:
    """The scheme of the authorization may be written in any case."""
    headers = {"authorization": "bearer an-api-token-of-this-test"}
    assert (await client.post(REQUESTS, json=DRY, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/catalog/scenarios", "/catalog/runs", "/openapi.json", "/docs"])
async def test_reads_are_open(client: httpx2.AsyncClient, path: str) -> None:
    """Reading needs no token."""
    del client.headers["authorization"]
    assert (await client.get(path)).status_code == 200


async def test_dry_request_from_end_to_end(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    """A request that is not to be seeded is answered, recorded, listed and read back, with its token told once."""
    headers = {"x-atdm-invoker": "agent:7"}
    response = await client.post(REQUESTS, json={**DRY, "seed": 7, "as_of": "2026-07-04"}, headers=headers)
    answer = response.json()
    run_id, token = answer["test_run_id"], answer["cleanup"]["cleanup_token"]
    assert response.status_code == 200
    assert (answer["status"], answer["seed"], answer["as_of"]) == ("ready", 7, "2026-07-04")
    assert "records" not in answer

    trail = await client.get(f"/audit/runs/{run_id}")
    source = (tmp_path / "store" / "atdm-audit" / "runs" / f"{run_id}.parquet").as_uri()
    assert trail.headers["x-audit-source"] == source
    assert trail.json()["invoker"] == "agent:7"
    assert trail.json()["head"] == answer["audit_head"]

    listed = (await client.get("/catalog/runs", params={"status": "ready", "limit": 5})).json()["runs"]
    assert [row["test_run_id"] for row in listed] == [run_id]
    assert not {"token_sha256", "answer"} & set(listed[0])
    assert token not in trail.text + json.dumps(listed)
    stored = objects_of(tmp_path / "store")
    assert len(stored) >= 3
    assert not any(token.encode() in data for data in stored.values())


async def test_same_key_same_answer(client: httpx2.AsyncClient) -> None:
    """A request that is sent again with its key gets the same answer, and another body with it is refused."""
    headers = {"idempotency-key": "build 7"}
    first, second = [await client.post(REQUESTS, json=DRY, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    other = await client.post(REQUESTS, json={**DRY, "seed": 1}, headers=headers)
    error = refusal(other, 422, "IDEMPOTENCY_KEY_REUSED")
    assert error["test_run_id"] == first.json()["test_run_id"]


@pytest.mark.parametrize("header", ["idempotency-key", "x-atdm-invoker"])
async def test_header_that_is_too_long(client: httpx2.AsyncClient, header: str) -> None:
    """A header of more than 255 characters is refused."""
    response = await client.post(REQUESTS, json=DRY, headers={header: "x" * 256})
    refusal(response, 400, "INVALID_REQUEST")
    assert (await client.post(REQUESTS, json=DRY, headers={header: "x" * 255})).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scenario": "nine"}, 404, "SCENARIO_NOT_FOUND"),
        ({"scenario": "x", "domain": "toys"}, 404, "DOMAIN_NOT_FOUND"),
        ({**DRY, "constraints": {"colour": "red"}}, 422, "UNKNOWN_CONSTRAINT"),
        ({**DRY, "constraints": {"member_status": "happy"}}, 422, "INVALID_CONSTRAINT"),
        ({**DRY, "seed": [0, 1, 2]}, 422, "INVALID_DRAWS"),
        ({**DRY, "constraints": {"member_status": "inactive"}}, 422, "VALIDATOR_REJECTED"),
    ],
)
async def test_refused_requests(client: httpx2.AsyncClient, body: dict[str, Any], status: int, code: str) -> None:
    """What the engine refuses has the contract's status and code, and says what exists or which rule was broken."""
    error = refusal(await client.post(REQUESTS, json=body), status, code)
    told = {
        "SCENARIO_NOT_FOUND": "active_member_clean",
        "DOMAIN_NOT_FOUND": "healthcare",
        "UNKNOWN_CONSTRAINT": "member_status",
        "INVALID_CONSTRAINT": "active, inactive",
        "INVALID_DRAWS": "provider.name",
        "VALIDATOR_REJECTED": "relational.eligibility_status_matches_member",
    }
    assert told[code] in error["message"]
    assert ("test_run_id" in error) is (code == "VALIDATOR_REJECTED")


async def test_target_that_is_away(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that cannot be reached is a 502 with the run's id, whose trail ends in a rolled back seed."""
    monkeypatch.setattr("atdm_core.recovery.PATIENCE", 0.05)
    response = await client.post(REQUESTS, json={"scenario": "active_member_clean"})
    error = refusal(response, 502, "TARGET_UNREACHABLE")
    trail = (await client.get(f"/audit/runs/{error['test_run_id']}")).json()
    assert (trail["status"], trail["events"][-1]["action"]) == ("rolled_back", "seed_failed")


@pytest.mark.parametrize(
    ("run_id", "status", "code"), [("nobody", 404, "RUN_NOT_FOUND"), (".hidden", 400, "INVALID_REQUEST")]
)
async def test_unknown_run(client: httpx2.AsyncClient, run_id: str, status: int, code: str) -> None:
    """A run that does not exist is a 404, an id that could leave a path a 400, for readers and for resets."""
    refusal(await client.get(f"/audit/runs/{run_id}"), status, code)
    refusal(await client.post(f"/test-data/runs/{run_id}/reset", json={"cleanup_token": "x"}), status, code)


async def test_wrong_cleanup_token(client: httpx2.AsyncClient) -> None:
    """A wrong token is a 403 that is recorded."""
    run_id = (await client.post(REQUESTS, json=DRY)).json()["test_run_id"]
    refusal(await client.post(f"/test-data/runs/{run_id}/reset", json={"cleanup_token": "x"}), 403, "TOKEN_MISMATCH")
    assert (await client.get(f"/audit/runs/{run_id}")).json()["events"][-1]["action"] == "reset_rejected"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "status=happy", "since=yesterday"],
)
async def test_wrong_query(client: httpx2.AsyncClient, query: str) -> None:
    """A query that makes no sense is a 400 that names the parameter."""
    error = refusal(await client.get(f"/catalog/runs?{query}"), 400, "INVALID_REQUEST")
    assert query.partition("=")[0] in error["message"] + json.dumps(error["details"])


async def test_runs_since(client: httpx2.AsyncClient) -> None:
    """Runs are listed from a moment on, which is UTC when it names no zone."""
    await client.post(REQUESTS, json=DRY)
    for since, found in (("2000-01-01T00:00:00Z", 1), ("2999-01-01T00:00:00+01:00", 0), ("2000-01-01T00:00:00", 1)):
        assert len((await client.get("/catalog/runs", params={"since": since})).json()["runs"]) == found


async def test_catalog_of_scenarios(client: httpx2.AsyncClient) -> None:
    """The catalog tells what can be asked for, and what each constraint can be."""
    body = (await client.get("/catalog/scenarios")).json()
    assert len(body["scenarios"]) == 6
    assert set(body["scenarios"][0]) == {
        "domain",
        "scenario_id",
        "description",
        "tags",
        "generators",
        "validators",
        "default_constraints",
        "linked_requirement_ids",
    }
    assert body["constraints"]["healthcare"]["member_status"] == {
        "type": "string",
        "allowed": ["active", "inactive"],
        "default": "active",
        "description": "Whether the member is enrolled.",
    }
