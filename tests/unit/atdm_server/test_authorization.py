"""Who may do what: each route, by each token."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from atdm_server import create_app
from atdm_server.tokens import SCOPES, Scope, Tokens
from tests.unit.atdm_server.conftest import alive, settings_for
from tests.unit.atdm_server.tiny_server import closed_port

OPEN: Final = None
SCOPE_OF: Final[Mapping[tuple[str, str], Scope | None]] = {
    ("POST", "/test-data/requests"): "seed",
    ("POST", "/test-data/volumes"): "seed",
    ("GET", "/test-data/volumes/{run_id}/events"): "read",
    ("POST", "/test-data/runs/{run_id}/reset"): "reset",
    ("POST", "/test-data/runs/{run_id}/extend"): "reset",
    ("POST", "/test-data/reset/all"): "admin",
    ("POST", "/test-data/baseline/snapshot"): "admin",
    ("POST", "/test-data/baseline/restore"): "admin",
    ("GET", "/test-data/baseline/list"): "read",
    ("GET", "/test-data/digest"): "read",
    ("GET", "/audit/runs/{run_id}"): "read",
    ("GET", "/catalog/runs"): "read",
    ("GET", "/catalog/scenarios"): "read",
    ("GET", "/ui/audit/{run_id}"): "read",
    ("GET", "/ui/runs"): "read",
    ("GET", "/ui/scenarios"): "read",
    ("GET", "/"): "read",
    ("GET", "/openapi.json"): "read",
    ("GET", "/docs"): "read",
    ("GET", "/docs/{path}"): "read",
    ("GET", "/docs/openapi.json"): "read",
    ("GET", "/health"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/static/{file_path}"): OPEN,
}
"""What each route needs when reads need a token."""

SECRETS: Final[Mapping[str, str]] = {scope: f"the-secret-of-{scope}-1" for scope in SCOPES}
BEARERS: Final[Mapping[str, str | None]] = {**SECRETS, "none": None, "wrong": "the-secret-of-nobody"}


@asynccontextmanager
async def server(folder: Path, *, reads_need_token: bool) -> AsyncGenerator[tuple[Litestar, httpx2.AsyncClient]]:
    """A server that knows one token for each scope."""
    lines = [f"{scope} {scope} {secret}" for scope, secret in SECRETS.items()]
    settings = msgspec.structs.replace(
        settings_for(folder, f"http://127.0.0.1:{closed_port()}"),
        tokens=Tokens(Tokens.read("\n".join(lines), "tokens.txt")),
        reads_need_token=reads_need_token,
    )
    app = create_app(settings)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]
    async with alive(app), httpx2.AsyncClient(transport=transport, base_url="http://atdm") as client:
        yield app, client


def routes_of(app: Litestar) -> set[tuple[str, str]]:
    """Every method and path that the application answers, but for those that the framework makes of them."""
    return {
        (method, route.path_format.partition(":")[0].rstrip("/") or "/")
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method not in ("OPTIONS", "HEAD")
    }


async def test_table_is_total(tmp_path: Path) -> None:
    """Every route of the application has its scope in the table, so a new one cannot be forgotten."""
    async with server(tmp_path, reads_need_token=False) as (app, _):
        assert routes_of(app) == set(SCOPE_OF)


@pytest.mark.parametrize("reads_need_token", [False, True], ids=["reads are open", "reads need a token"])
@pytest.mark.parametrize("bearer", BEARERS)
async def test_each_route_by_each_token(tmp_path: Path, bearer: str, reads_need_token: bool) -> None:
    """Each route lets those pass who have its scope, or `admin`, and nobody else."""
    secret = BEARERS[bearer]
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    async with server(tmp_path, reads_need_token=reads_need_token) as (_, client):
        for (method, path), scope in SCOPE_OF.items():
            needed = OPEN if scope == "read" and not reads_need_token else scope
            response = await client.request(method, path_of(path), headers=headers)
            told = refusal_in(response)
            if needed is OPEN or bearer in (needed, "admin"):
                assert told not in ("AUTH_REQUIRED", "SCOPE_REQUIRED"), (method, path)
            elif bearer in SECRETS:
                assert (response.status_code, told) == (403, "SCOPE_REQUIRED"), (method, path)
            else:
                assert (response.status_code, told) == (401, "AUTH_REQUIRED"), (method, path)
                assert response.headers["www-authenticate"] == "Bearer"


def path_of(template: str) -> str:
    """The path with something in the place of each parameter."""
    return template.format(run_id="x", file_path="x", path="x")


def refusal_in(response: httpx2.Response) -> str | None:
    """The code of a refusal; of a page, what its status stands for."""
    if response.headers.get("content-type", "").startswith("application/json"):
        code: str | None = response.json().get("error", {}).get("code")
        return code
    return {401: "AUTH_REQUIRED", 403: "SCOPE_REQUIRED"}.get(response.status_code)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_other_methods_tell_nothing(tmp_path: Path, method: str) -> None:
    """HEAD is guarded as GET is, and OPTIONS tells nobody more than which methods there are."""
    async with server(tmp_path, reads_need_token=True) as (_, client):
        for (_, path), scope in SCOPE_OF.items():
            response = await client.request(method, path_of(path))
            assert response.status_code in (
                (401, 405) if scope and method == "HEAD" else (200, 204, 401, 404, 405, 503)
            )
            assert response.content == b"" or method == "OPTIONS"


@pytest.mark.parametrize(
    "given",
    [
        "{secret}",
        "Bearer",
        "Bearer ",
        "Bearer\t{secret}",
        "Bearer {secret} {secret}",
        "Bearer {secret},",
        'Bearer "{secret}"',
        "Bearer token={secret}",
        "Basic {secret}",
        "Token {secret}",
        "Bearer {shout}",
        "Bearer {secret}\x00",
        "BearerX {secret}",
        ", Bearer {secret}",
    ],
)
async def test_other_spellings_are_nobody(tmp_path: Path, given: str) -> None:
    """Only `Bearer`, in any case, a blank and the whole secret is a token."""
    header = given.format(secret=SECRETS["admin"], shout=SECRETS["admin"].upper())
    async with server(tmp_path, reads_need_token=False) as (_, client):
        response = await client.post("/test-data/reset/all", headers={"authorization": header})
        assert response.status_code == 401
        accepted = await client.post(
            "/test-data/reset/all", headers={"authorization": f"bEARER   {SECRETS['admin']}  "}
        )
        assert accepted.status_code in (400, 428)


async def test_refusal_names_the_token_and_the_scope(tmp_path: Path) -> None:
    """Who lacks a scope is told by the name of the token which one it is, and never sees a secret."""
    async with server(tmp_path, reads_need_token=False) as (_, client):
        response = await client.post("/test-data/requests", headers={"authorization": f"Bearer {SECRETS['reset']}"})
    error = response.json()["error"]
    assert error["message"] == "the token 'reset' may not do this; use one with the scope 'seed', or 'admin'"
    assert error["details"] == {"scope": "seed"}
    assert not any(secret in response.text for secret in SECRETS.values())
