"""Headers that every answer carries."""

import httpx2
import pytest
from litestar.types import Receive, Scope, Send

from atdm_server.response_headers import SafeHeaders

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/metrics", 200),
        ("GET", "/catalog/scenarios", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/ui/scenarios", 200),
        ("GET", "/ui/audit/nobody", 404),
        ("GET", "/static/pages/pages.css", 200),
        ("GET", "/static/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/health", 405),
        ("POST", "/test-data/requests", 400),
        ("GET", "/health/ready", 503),
    ],
)
async def test_every_answer_has_them(client: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    """Answers of routes, pages, static files and refusals all carry the headers that browsers heed."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS


@pytest.mark.parametrize(("method", "stored"), [("POST", "no-store"), ("DELETE", "no-store"), ("GET", None)])
async def test_answers_to_changes_are_never_stored(client: httpx2.AsyncClient, method: str, stored: str | None) -> None:
    """What may carry a cleanup token is kept by no cache."""
    assert (await client.request(method, "/nowhere")).headers.get("cache-control") == stored


async def test_what_a_route_has_set_stays() -> None:
    """A header that is there already, in whatever case, is neither replaced nor repeated."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"X-Frame-Options", b"SAMEORIGIN"), (b"cache-control", b"private")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    transport = httpx2.ASGITransport(SafeHeaders(app))  # pyright: ignore[reportArgumentType]
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:
        headers = (await http.post("/")).headers
    assert headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert headers.get_list("cache-control") == ["private"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]
