"""More than the server can do, and work that does not end."""

import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import httpx2
import psycopg
import pytest

from tests.faults.hostile.victim import Victim

DEADLINE: Final = 3.0  # seconds, ATDM_REQUEST_TIMEOUT_SECONDS of the stack under attack
PATIENCE: Final = 20.0
INSIDE: Final = 4 + 8  # ATDM_CHANGES_AT_ONCE and ATDM_CHANGES_WAITING of the stack under attack
CROWD: Final = 40


@contextmanager
def locked(victim: Victim) -> Generator[None]:
    """Somebody else holds the table of members, so that no seed comes to its end."""
    with psycopg.connect(victim.stack.postgres_dsn) as connection:
        connection.execute("LOCK TABLE member IN ACCESS EXCLUSIVE MODE")
        yield


def settled(victim: Victim, run_id: str) -> str:
    """What a run ends as, once it is not open any more."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        trail = victim.http.get(f"/audit/runs/{run_id}")
        if trail.status_code == 200 and any(
            event["action"] == "rollback_completed" for event in trail.json()["events"]
        ):
            return str(trail.json()["status"])
    raise AssertionError(f"run {run_id} was not undone within {PATIENCE:g} s")


def runs_of(victim: Victim) -> set[str]:
    """The runs that there are."""
    return {run["test_run_id"] for run in victim.http.get("/catalog/runs", params={"limit": 1000}).json()["runs"]}


def rows_of(victim: Victim, run_id: str) -> int:
    """The rows of a run in the database."""
    with psycopg.connect(victim.stack.postgres_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM member WHERE test_run_id = %s", [run_id]).fetchone()
    assert row is not None
    return int(row[0])


def test_a_request_that_takes_too_long_is_undone(victim: Victim) -> None:
    """A seed that hangs is answered 504 after the deadline; the run is recorded as rolled back and leaves no row."""
    before = runs_of(victim)
    with locked(victim):
        started = time.monotonic()
        answer = victim.ask(scenario="active_member_clean")
        took = time.monotonic() - started
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "DEADLINE_EXCEEDED")
    assert DEADLINE - 0.5 < took < DEADLINE + 5
    (run_id,) = runs_of(victim) - before
    assert settled(victim, run_id) == "rolled_back"
    assert rows_of(victim, run_id) == 0
    victim.note("limit: a seed that hangs", "504")


def test_more_than_may_wait_is_told_to_come_again(victim: Victim) -> None:
    """Of a crowd as many are served as may be; the others get 429 with Retry-After at once, and reads go on."""
    before = runs_of(victim)
    everybody = threading.Barrier(CROWD)

    def ask(_: int) -> httpx2.Response:
        with httpx2.Client(base_url=victim.stack.api_url, trust_env=False, timeout=PATIENCE) as http:
            everybody.wait(PATIENCE)
            headers = {"authorization": victim.bearer("seed")}
            return http.post("/test-data/requests", json={"scenario": "active_member_clean"}, headers=headers)

    with locked(victim), ThreadPoolExecutor(CROWD) as crowd:
        answers = crowd.map(ask, range(CROWD))
        started = time.monotonic()
        assert victim.http.get("/catalog/scenarios").status_code == 200
        assert time.monotonic() - started < DEADLINE
        statuses = [(answer.status_code, answer.headers.get("retry-after")) for answer in answers]
    for status, _ in statuses:
        victim.note("limit: a crowd", str(status))
    assert set(statuses) == {(429, "1"), (504, None)}
    assert statuses.count((504, None)) == INSIDE
    victim.check_health()
    begun = runs_of(victim) - before
    assert len(begun) <= INSIDE
    for run_id in begun:
        assert settled(victim, run_id) == "rolled_back"
        assert rows_of(victim, run_id) == 0


FETCHES: Final = [
    "target",
    "target_url",
    "url",
    "store",
    "store_url",
    "callback",
    "webhook",
    "host",
    "endpoint",
    "proxy",
]


@pytest.mark.parametrize("field", FETCHES)
@pytest.mark.parametrize("place", ["body", "delivery", "constraints", "domain", "query", "header"])
def test_no_request_names_an_address(victim: Victim, place: str, field: str) -> None:
    """Wherever an address is put into a request, nobody is sent there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        body: dict[str, object] = {"scenario": "active_member_clean", "delivery": {"seed_target": False}}
        if place == "body":
            body[field] = address
        elif place == "delivery":
            body["delivery"] = {field: address}
        elif place == "constraints":
            body["constraints"] = {field: address}
        elif place == "domain":
            body["domain"] = address
        headers = {"authorization": victim.bearer("seed")}
        if place == "header":
            headers |= {f"x-{field}": address, "forwarded": f"host={address}", "referer": address}
        query = {field: address} if place == "query" else {}
        answer = victim.http.post("/test-data/requests", json=body, headers=headers, params=query)
        assert answer.status_code in ((200,) if place in ("query", "header") else (400, 404, 422))
        assert not visited(server)
    victim.note("SSRF: an address in a request", str(answer.status_code))


def visited(server: socket.socket) -> bool:
    """Whether somebody has connected."""
    server.setblocking(False)
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True
