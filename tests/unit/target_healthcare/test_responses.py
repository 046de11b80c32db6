"""One error shape for every refusal, whoever makes it."""

import re
from http import HTTPStatus
from pathlib import Path

import httpx2
import psycopg
import pytest

from target_healthcare import errors
from target_healthcare.errors import TargetError
from tests.unit.target_healthcare.bundles import seed_body
from tests.unit.target_healthcare.conftest import running_target, settings_for

CONTRACT = Path(__file__).parents[3] / "docs" / "reference" / "target-contract.md"


def assert_error(response: httpx2.Response, status: int, code: str) -> dict[str, object]:
    """Check status, code and shape; returns the details."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert len(body["error"]["message"]) > 10
    details: dict[str, object] = body["error"]["details"]
    return details


def tree(root: type[TargetError]) -> list[type[TargetError]]:
    """An error class with all below it."""
    return [root, *(kind for below in root.__subclasses__() for kind in tree(below))]


def test_the_contract_and_the_errors_agree() -> None:
    """Every code of the contract has a class of its own, but for the one only the framework needs."""
    promised = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", CONTRACT.read_text()))
    ours = {kind.code: HTTPStatus(kind.status) for kind in tree(TargetError)}

    assert promised - {"METHOD_NOT_ALLOWED"} <= ours.keys()
    assert len(ours) == len(tree(TargetError))
    assert {kind.__name__ for kind in tree(TargetError)} <= set(vars(errors))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "NOT_FOUND"),
        ("GET", "/members", 404, "NOT_FOUND"),
        ("GET", "/members/none", 404, "NOT_FOUND"),
        ("GET", "/static/none", 404, "NOT_FOUND"),
        ("GET", "/static/../settings.py", 404, "NOT_FOUND"),
        ("GET", "/docs/none", 404, "NOT_FOUND"),
        ("GET", "/ui/members/none", 404, "NOT_FOUND"),
        ("GET", "/internal/none", 404, "NOT_FOUND"),
        ("POST", "/health", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/internal/runs/r", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/members/%00", 422, "INVALID_VALUE"),
        ("GET", "/members/%ff", 404, "NOT_FOUND"),
        ("GET", "/internal/runs/.hidden", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs/line%0A", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs/" + "x" * 129, 400, "INVALID_REQUEST"),
        ("DELETE", "/internal/runs/a%20b", 400, "INVALID_REQUEST"),
        ("PUT", "/internal/runs/a%3Bb", 400, "INVALID_REQUEST"),
        ("PATCH", "/internal/runs/r", 400, "INVALID_REQUEST"),
        ("GET", "/internal/expired?limit=0", 400, "INVALID_REQUEST"),
        ("DELETE", "/internal/expired/.hidden", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs?limit=0", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs?limit=1001", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs?limit=ten", 400, "INVALID_REQUEST"),
        ("GET", "/internal/runs?state=lost", 400, "INVALID_REQUEST"),
        ("DELETE", "/internal/members", 400, "INVALID_REQUEST"),
        ("POST", "/internal/members", 400, "INVALID_REQUEST"),
        ("PUT", "/internal/runs/r", 400, "INVALID_REQUEST"),
    ],
)
async def test_refusals_of_routes(client: httpx2.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    """Routes that are not there and requests that cannot be read are refused in the one shape."""
    assert_error(await client.request(method, path), status, code)


async def test_a_refused_parameter_is_named(client: httpx2.AsyncClient) -> None:
    """The message names the parameter as the caller wrote it."""
    response = await client.get("/internal/runs?state=lost")

    assert "query state" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", "Basic the-service-token", "the-service-token", "Bearer thé"],
)
async def test_internal_routes_need_the_token(client: httpx2.AsyncClient, header: str | None) -> None:
    """Without the service token every internal route answers 401 and does nothing."""
    headers = {} if header is None else {b"authorization": header.encode()}
    del client.headers["authorization"]

    for method, path in [("GET", "/internal/schema"), ("PUT", "/internal/runs/r"), ("DELETE", "/internal/runs/r")]:
        response = await client.request(method, path, headers=headers, json=seed_body("r"))
        assert_error(response, 401, "AUTH_REQUIRED")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_public_routes_need_no_token(client: httpx2.AsyncClient) -> None:
    """Health and reads are open."""
    del client.headers["authorization"]

    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/procedure_codes/99213")).status_code == 200


async def test_large_bodies_are_refused(client: httpx2.AsyncClient) -> None:
    """A member's body may be small only; a seed's up to 64 MiB."""
    padding = "x" * (300 * 1024)

    assert_error(await client.post("/internal/members", json={"member_id": padding}), 413, "BODY_TOO_LARGE")
    body = seed_body("r") | {"padding": padding}
    assert_error(await client.put("/internal/runs/r", json=body), 400, "INVALID_REQUEST")
    length = {"content-length": str(64 * 1024 * 1024 + 1)}
    assert_error(await client.put("/internal/runs/r", content=b"{}", headers=length), 413, "BODY_TOO_LARGE")


async def test_a_fault_of_the_target_tells_nothing(own_database: str, caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error is 500 without its text; the log has it."""
    with psycopg.connect(own_database) as connection:
        connection.execute("DROP TABLE atdm_run")
    async with running_target(settings_for(own_database)) as client:
        response = await client.get("/internal/runs/r")

    assert_error(response, 500, "INTERNAL_ERROR")
    assert "atdm_run" not in response.text
    assert "atdm_run" in caplog.text


async def test_a_lost_connection_is_unavailable_once(
    client: httpx2.AsyncClient, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    """When the database drops all connections one request fails with 503, then the target has recovered."""
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    sql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}".encode())

    assert_error(await client.get("/health"), 503, "DATABASE_UNAVAILABLE")
    for _ in range(8):
        assert (await client.get("/health")).status_code == 200
