import re

import httpx2
import msgspec


async def test_the_description_covers_the_contract(client: httpx2.AsyncClient) -> None:
    """Every route of the contract is described."""
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert paths["/internal/runs/{run_id}"].keys() >= {"get", "put", "delete"}
    assert paths["/internal/runs"].keys() >= {"get", "delete"}
    for described in (
        paths["/internal/database"]["get"]["responses"]["200"],
        paths["/internal/database"]["put"]["requestBody"],
    ):
        assert described["content"].keys() == {"application/vnd.atdm.tables"}
    assert {"/health", "/internal/schema", "/internal/runs", "/internal/members", "/members/{key}"} <= paths.keys()


async def test_bodies_and_errors_are_described(client: httpx2.AsyncClient) -> None:
    """A seed has its body, every route our error shape, and every reference leads somewhere."""
    text = (await client.get("/openapi.json")).text
    description = msgspec.json.decode(text)

    schemas = description["components"]["schemas"]
    assert schemas["SeedRequest"]["required"] == ["bundle_sha", "tables"]
    assert set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text)) <= schemas.keys()
    for path in description["paths"].values():
        for operation in path.values():
            assert operation["responses"].keys() - {"200", "201"} == {"default"}
    assert (await client.get("/docs/openapi.json")).json() == description


async def test_the_page_needs_no_internet(client: httpx2.AsyncClient) -> None:
    """All the page loads comes from the target itself, and is there."""
    page = await client.get("/docs")
    loaded = re.findall(r'(?:src|href|spec-url)="(?!data:)([^"]+)"', page.text)

    assert page.headers["content-type"].startswith("text/html")
    assert loaded
    for path in loaded:
        assert path.startswith("/")
        assert (await client.get(path)).status_code == 200


async def test_the_vendored_script_has_its_licence_beside_it(client: httpx2.AsyncClient) -> None:
    """Version and licence of the script are served with it."""
    assert "MIT License" in (await client.get("/static/rapidoc/LICENSE.txt")).text
    assert "9.3.8" in (await client.get("/static/rapidoc/VERSION")).text
