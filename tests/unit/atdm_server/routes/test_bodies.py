"""Reading bodies."""

from datetime import date

import httpx2
import pytest

from atdm_core import Request
from atdm_core.errors import InvalidRequest
from atdm_server.routes.bodies import read_body

REQUESTS = "/test-data/requests"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"scenario": "x", "seed": "7"}', "$.seed"),
        (b'{"scenario": "x", "seed": 7.5}', "$.seed"),
        (b'{"scenario": "x", "seed": 1e300}', "$.seed"),
        (b'{"scenario": "x", "delivery": {"seed_target": 0}}', "$.delivery.seed_target"),
        (b'{"scenario": "x", "as_of": "0024-10-07"}', "1000 to 8999"),
        (b'{"scenario": "x", "as_of": "9999-01-01"}', "1000 to 8999"),
        (b'{"scenario": "\xff"}', "utf-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"", "body"),
        (b'{"scenario": "x", "seed": 1, "seed": 1}', "'seed' stands twice in one object"),
        (b'{"scenario": "x", "constraints": {"a": "y", "\\u0061": "z"}}', "'a' stands twice"),
    ],
)
def test_nothing_is_bent_to_fit(body: bytes, told: str) -> None:
    """A value of another type, out of bounds or unreadable is refused, and the message says which."""
    with pytest.raises(InvalidRequest) as caught:
        read_body(body, Request)
    assert told in caught.value.message


def test_whole_numbers_are_integers() -> None:
    """7.0 is an integer, as JSON Schema has it; dates are read from text."""
    read = read_body(b'{"scenario": "x", "seed": 7.0, "as_of": "2026-07-04"}', Request)
    assert (read.seed, read.as_of) == (7, date(2026, 7, 4))


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 404),
        ("Application/JSON; charset=utf-8", 404),
        (None, 404),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_kind_of_body(client: httpx2.AsyncClient, content_type: str | None, status: int) -> None:
    """A body is JSON, or does not say what it is; any other kind is refused before it is read."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = await client.post(REQUESTS, content=b'{"scenario": "nobody"}', headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("query", ["status=null", "since=0", "since=2026-07-04", "limit=1.5"])
async def test_queries_are_read_as_strictly(client: httpx2.AsyncClient, query: str) -> None:
    """What is no status, moment or number in a query is refused as well."""
    assert (await client.get(f"/catalog/runs?{query}")).status_code == 400
