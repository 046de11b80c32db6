"""Every answer that the API describes has a real cause here, and every cause gives an answer that is described."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from infra.local_stack import Stack
from tests.schema.provocations import PROVOCATIONS, Answer
from tests.schema.world import DRY, world_of

GETS = ["/health", "/catalog/scenarios", "/catalog/runs", "/openapi.json", "/docs", "/ui/runs", "/metrics"]


def described(document: dict[str, Any]) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Every answer that the document describes; 500 aside, which says that nobody foresaw it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status != "500":
                    (content,) = answer["content"].values()
                    for code in codes_of(content["schema"]):
                        yield (f"{method.upper()} {path}", int(status), code), answer


def codes_of(schema: dict[str, Any]) -> list[str]:
    """The error codes that a schema allows; one empty code for that of a success."""
    if "allOf" not in schema:
        return [""]
    return schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]


@pytest.fixture(scope="module")
def document(stack: Stack) -> dict[str, Any]:
    """The description, as the server gives it."""
    return httpx2.get(f"{stack.api_url}/openapi.json", trust_env=False).json()


def check_against(answer: dict[str, Any], response: httpx2.Response, document: dict[str, Any]) -> None:
    """Fail when type, headers or body of a response are not as described."""
    media_type = response.headers["content-type"].partition(";")[0]
    schema = answer["content"][media_type]["schema"]
    assert {name for name in answer.get("headers", {}) if name not in response.headers} == set()
    if media_type.endswith("json"):
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(response.json())


@pytest.mark.parametrize("answer", PROVOCATIONS, ids=lambda answer: " ".join(map(str, answer)).strip())
async def test_answer(
    stack: Stack, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """The cause of an answer brings it about, with the described status, code, headers and body."""
    monkeypatch.setattr("atdm_core.recovery.PATIENCE", 0.05)
    _, status, code = answer
    async with world_of(stack, tmp_path) as world:
        response = await PROVOCATIONS[answer](world)
    found = response.json()["error"]["code"] if response.is_error else ""
    assert (response.status_code, found) == (status, code), response.text
    check_against(dict(described(document))[answer], response, document)


def test_every_answer_has_a_cause(document: dict[str, Any]) -> None:
    """What the description lists, every route, status and code, is exactly what is brought about above."""
    assert {answer for answer, _ in described(document)} == set(PROVOCATIONS)


async def test_damaged_trail_is_the_servers_fault(stack: Stack, document: dict[str, Any], tmp_path: Path) -> None:
    """An answer that nobody can mend by asking otherwise is a 500 in the one shape."""
    async with world_of(stack, tmp_path) as world:
        run_id = (await world.near.post("/test-data/requests", json=DRY)).json()["test_run_id"]
        trail = world.store / "atdm-audit" / "runs" / f"{run_id}.parquet"
        trail.write_bytes(trail.read_bytes()[:-9])
        response = await world.near.get(f"/audit/runs/{run_id}")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "TRAIL_BROKEN")
    check_against(document["components"]["responses"]["Fault"], response, document)


@pytest.mark.parametrize("path", GETS)
async def test_head(stack: Stack, path: str) -> None:
    """HEAD has the status and type of the GET, and no body."""
    async with httpx2.AsyncClient(base_url=stack.api_url) as client:
        get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(("path", "allowed"), [("/health", {"GET", "HEAD"}), ("/test-data/requests", {"POST"})])
async def test_wrong_method(stack: Stack, path: str, allowed: set[str]) -> None:
    """A method that a path does not take is a 405 whose `Allow` lists those it takes, HEAD included."""
    async with httpx2.AsyncClient(base_url=stack.api_url) as client:
        response = await client.put(path)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["allow"].split(", ")) - {"OPTIONS"} == allowed
