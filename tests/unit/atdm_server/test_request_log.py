"""One line for each request, and nothing secret in any."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.atdm_server.conftest import API_TOKEN, SERVER_KEY, TARGET_TOKEN

FIELDS = {"event", "request_id", "test_run_id", "method", "path", "status", "latency_ms", "invoker"}


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines on requests so far, as a program reads them; the sweep in the background has lines of its own."""
    lines = [json.loads(record.message) for record in caplog.records if record.name == "atdm_server"]
    return [line for line in lines if line["event"] == "http_request"]


async def test_one_line_for_each_request(client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Each request is one line with the contract's fields, those included that no route answers."""
    answers = [
        await client.get("/health", headers={"x-atdm-invoker": "human:ann"}),
        await client.get("/nowhere"),
        await client.put("/health"),
    ]
    lines = lines_of(caplog)
    assert all(set(line) >= FIELDS for line in lines)
    assert [(line["event"], line["method"], line["path"], line["status"], line["invoker"]) for line in lines] == [
        ("http_request", "GET", "/health", 200, "human:ann"),
        ("http_request", "GET", "/nowhere", 404, "unknown"),
        ("http_request", "PUT", "/health", 405, "unknown"),
    ]
    assert [line["request_id"] for line in lines] == [answer.headers["x-request-id"] for answer in answers]
    assert all(line["latency_ms"] >= 0 for line in lines)


async def test_the_run_is_named(client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """A line names the run that the request made, failed in, or asked about."""
    body: dict[str, Any] = {"scenario": "active_member_clean", "delivery": {"seed_target": False}}
    made = (await client.post("/test-data/requests", json=body)).json()["test_run_id"]
    body["constraints"] = {"member_status": "inactive"}
    failed = (await client.post("/test-data/requests", json=body)).json()["error"]["test_run_id"]
    await client.get(f"/audit/runs/{made}")
    await client.get("/health")
    assert [line["test_run_id"] for line in lines_of(caplog)] == [made, failed, made, None]


async def test_nothing_secret_is_logged(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line holds a token, a body, a query or a key, whether requests are served, refused or fail."""
    monkeypatch.setattr("atdm_core.recovery.PATIENCE", 0.05)
    body: dict[str, Any] = {"scenario": "active_member_clean", "delivery": {"seed_target": False}}
    headers = {"idempotency-key": "secret-key-of-the-caller"}
    answer = (await client.post("/test-data/requests", json=body, headers=headers)).json()
    token = answer["cleanup"]["cleanup_token"]
    await client.post("/test-data/requests", json={"scenario": "active_member_clean"})
    await client.post("/test-data/requests", json={"scenario": "body-of-the-caller"})
    await client.post("/test-data/requests", headers={"authorization": "Bearer wrong-token-of-the-caller"})
    await client.get("/catalog/runs?scenario=query-of-the-caller")
    await client.post(f"/test-data/runs/{answer['test_run_id']}/reset", json={"cleanup_token": token})
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert "run_not_settled" in written
    secrets = [token, API_TOKEN, TARGET_TOKEN, SERVER_KEY.decode(), "of-the-caller", "FAKE_"]
    assert not [secret for secret in secrets if secret in written]


async def test_a_header_cannot_forge_a_line(client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """An invoker of any characters stays inside its field, and a long one is cut."""
    forged = '", "status": 200, "x": "\u00fc' + "x" * 300
    await client.get("/health", headers={"x-atdm-invoker": forged.encode("latin-1")})  # pyright: ignore[reportArgumentType]
    (line,) = lines_of(caplog)
    assert line["invoker"] == forged[:255]
