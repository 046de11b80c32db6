"""The server that is attacked: what may be sent to it, and what must be true after each attempt."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx2
import psycopg
from msgspec import Struct
from psycopg import sql

from atdm_healthcare import PACK
from atdm_server.verify import verify_store
from infra.local_stack import Stack
from tests.faults.hostile.wire import CLOSED, Answer, Header, Wire

REFERENCE: Final = [name for name, entity in PACK.entities.items() if entity.reference]
PATIENCE: Final = 90.0  # seconds until nothing is left of what failed
SECRETS: Final = {scope: f"the-hostile-secret-of-{scope}" for scope in ("read", "seed", "reset", "admin")}
REFUSED: Final = (400, 401, 403, 404, 405, 413, 415, 422, 428)
SAFE: Final = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
JSON: Final[Header] = ("Content-Type", "application/json")
ADMIN: Final[Header] = ("Authorization", f"Bearer {SECRETS['admin']}")


class Attempt(Struct, frozen=True, kw_only=True):
    """One request that nobody sends in good faith, and the statuses that are right for it.

    `bare`: it is no HTTP, and may be answered by the protocol's implementation with a status alone, or by closing.
    """

    kind: str
    name: str
    method: str = "GET"
    target: str | bytes = "/"
    headers: Sequence[Header] = ()
    body: bytes | None = None
    expected: Sequence[int] = REFUSED
    bare: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


class Victim:
    """A server with its database."""

    def __init__(self, stack: Stack, wire: Wire, http: httpx2.Client, tally: dict[str, Counter[str]]) -> None:
        self.stack = stack
        self.wire = wire
        self.http = http
        self._tally = tally

    def note(self, kind: str, outcome: str) -> None:
        """Count an attempt and how it was answered."""
        self._tally.setdefault(kind, Counter())[outcome] += 1

    def state(self) -> dict[str, Any]:
        """What every table holds, and which runs there are."""
        runs = self.http.get("/catalog/runs", params={"limit": 1000}).json()["runs"]
        return {"tables": self.http.get("/test-data/digest").json()["tables"], "runs": runs}

    def survive(self, attempt: Attempt) -> Answer:
        """Make the attempt: it is refused in the one shape, and the server and its data are as they were."""
        before = self.state()
        request = self.wire.request(attempt.method, attempt.target, attempt.headers, attempt.body)
        answer = self.wire.exchange(request)
        self.note(attempt.kind, str(answer.status) if answer is not CLOSED else "closed")
        check(attempt, answer)
        self.check_health()
        assert self.state() == before
        return answer

    def check_health(self) -> None:
        """The server answers, and no part of the stack has ended."""
        assert self.http.get("/health").json()["status"] == "ok"
        assert self.stack.ended() == {}

    def check_promises(self, before: Mapping[str, Any]) -> None:
        """After everything: no row without a ready run, reference rows as `before`, a sound log, and no lost event."""
        until = time.monotonic() + PATIENCE
        while strays := [run_id for run_id in self._runs_with_rows() if self._status(run_id) != "ready"]:
            assert time.monotonic() < until, strays
        tables = self.state()["tables"]
        assert {name: tables[name] for name in REFERENCE} == {name: before[name] for name in REFERENCE}
        assert asyncio.run(verify_store(self.stack.object_store_url)).problems == []
        assert "atdm_audit_dropped_events_total 0.0" in self.http.get("/metrics").text.splitlines()

    def _runs_with_rows(self) -> set[str]:
        with psycopg.connect(self.stack.postgres_dsn) as connection:
            queries = (
                sql.SQL("SELECT DISTINCT test_run_id FROM {} WHERE test_run_id IS NOT NULL").format(
                    sql.Identifier(name)
                )
                for name in PACK.entities
            )
            return {run_id for query in queries for (run_id,) in connection.execute(query)}

    def _status(self, run_id: str) -> str:
        return self.http.get(f"/audit/runs/{run_id}").json().get("status", "not recorded")

    def bearer(self, scope: str) -> str:
        """The authorization of the token with one scope."""
        return f"Bearer {SECRETS[scope]}"

    def ask(self, **request: Any) -> httpx2.Response:
        """A request for data by the holder of the token that may ask."""
        return self.http.post("/test-data/requests", json=request, headers={"authorization": self.bearer("seed")})

    def take_back(self, answer: Any) -> httpx2.Response:
        """Reset a run."""
        return self.http.post(
            answer["cleanup"]["endpoint"],
            json={"cleanup_token": answer["cleanup"]["cleanup_token"]},
            headers={"authorization": self.bearer("reset")},
        )


def check(attempt: Attempt, answer: Answer) -> None:
    """The status is one of the expected, the shape is the one of errors, and nothing is told that is secret."""
    if attempt.bare and (answer is CLOSED or not answer.headers.get("x-request-id")):
        assert answer.status in (0, 400, 414, 431, 501, 505), answer
        return
    assert answer.status in attempt.expected, answer
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert answer.headers["x-request-id"]
    assert not [secret for secret in SECRETS.values() if secret.encode() in answer.body]
    if answer.status >= 400:
        check_shape(answer)


def check_shape(answer: Answer) -> None:
    """A refusal is a page for people below `/ui`, and the one JSON shape everywhere else."""
    if answer.headers["content-type"].startswith("text/html"):
        assert b"<h1>" in answer.body
        assert b"<script" not in answer.body
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return
    assert answer.headers["content-type"] == "application/json"
    error = answer.error
    assert {"code", "message", "details"} <= set(error) <= {"code", "message", "details", "test_run_id"}, answer.body
    assert error["code"].replace("_", "").isupper()
    assert error["message"]
    assert "Traceback" not in error["message"]
