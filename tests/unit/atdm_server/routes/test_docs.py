"""The description of the API."""

import re

import httpx2

ROUTES = {
    ("post", "/test-data/requests"),
    ("post", "/test-data/runs/{run_id}/reset"),
    ("get", "/audit/runs/{run_id}"),
    ("get", "/catalog/scenarios"),
    ("get", "/catalog/runs"),
    ("get", "/health"),
    ("get", "/health/ready"),
}
SCRIPTS = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""")


async def test_every_route_is_described(client: httpx2.AsyncClient) -> None:
    """The description lists every route, each with a sentence."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    described = {(method, path) for path, methods in paths.items() for method in methods}
    assert described >= ROUTES
    assert all(operation["description"] for methods in paths.values() for operation in methods.values())


async def test_mutations_are_described_as_guarded(client: httpx2.AsyncClient) -> None:
    """The description says which routes need the token."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = {(path, method): told for path, methods in paths.items() for method, told in methods.items()}
    guarded = {operation for operation, told in operations.items() if told.get("security")}
    assert guarded == {(path, method) for path, method in operations if method != "get"}


async def test_page_works_without_the_internet(client: httpx2.AsyncClient) -> None:
    """The page fetches nothing from another host, and what it fetches from this one is there."""
    page = (await client.get("/docs")).text
    assert "//" not in re.sub(r"<!--.*?-->", "", page)
    fetched = [found for found in SCRIPTS.findall(page) if not found.startswith("data:")]
    assert "/openapi.json" in fetched
    for path in fetched:
        assert (await client.get(path)).status_code == 200
