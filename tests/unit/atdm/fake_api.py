"""A small ATDM API for the client's tests: real sockets, the contract's shapes, no database.

    with serve_fake_api() as api:
        AtdmClient(api.url, api.token)

It seeds and resets by remembering run ids, keeps every exchange in `exchanges`, and counts connections.
"""

import json
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlsplit

__all__ = ["Exchange", "FakeApi", "refusal", "serve_fake_api"]

CATALOG = {
    "scenarios": [
        {
            "domain": "healthcare",
            "scenario_id": "active_member_clean",
            "description": "An active member with a paid claim [inside the window].",
            "tags": ["smoke"],
            "generators": ["generate_member"],
            "validators": ["relational.claim_references_existing_member"],
            "default_constraints": {"member_status": "active"},
            "linked_requirement_ids": ["FR-001"],
        }
    ],
    "constraints": {
        "healthcare": {
            "member_status": {
                "type": "string",
                "allowed": ["active", "inactive"],
                "default": "active",
                "description": "Whether the member is insured.",
            },
            "denial_reason": {"type": "string", "allowed": None, "default": None, "description": "Why."},
        }
    },
    "broken_packs": {"commerce": "No module named 'atdm_commerce'"},
}
STRATEGY = {"strategy": "any", "audit_run_id": "strategy-any-01FAKE"}
BASELINE = {"baseline_id": "before", "captured_at": "2026-11-22T00:00:00Z", "row_counts": {"member": 3, "claim": 0}}


def refusal(code: str, message: str, **details: object) -> dict[str, object]:
    """An error body of the contract."""
    return {"error": {"code": code, "message": message, "details": details}}


@dataclass(frozen=True)
class Exchange:
    """One request as it arrived; `headers` by lower-case name."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, object]


@dataclass
class FakeApi:
    """What the API remembers.

    `answers` overrides a route, by (method, start of path), with (status, body). The next `to_lose` answers are lost:
    what was asked is carried out, then the connection ends. `in_progress` times a key's owner is said to be at work.
    Volumes fail where `fails` says so, and the next word about one breaks off where `breaks_off` does. Before the next
    `interrupts` answers about a volume, or to a reset, somebody types Ctrl-C.
    """

    token: str = "fake-api-token"
    url: str = ""
    live: dict[str, str] = field(default_factory=dict[str, str])
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    answers: dict[tuple[str, str], tuple[int, object]] = field(
        default_factory=dict[tuple[str, str], tuple[int, object]]
    )
    digests: dict[str, dict[str, object]] = field(default_factory=lambda: {"member": {"rows": 3, "digest": "aa"}})
    keys: dict[str, tuple[int, object]] = field(default_factory=dict[str, tuple[int, object]])
    connections: int = 0
    runs: int = 0
    to_lose: int = 0
    in_progress: int = 0
    breaks_off: bool = False
    fails: bool = False
    interrupts: int = 0

    def answer(self, exchange: Exchange) -> tuple[int, object]:  # noqa: C901, PLR0911, PLR0912 - one line for each route
        """Status and body for one request: an override where there is one, the contract's otherwise."""
        for (method, path), canned in self.answers.items():
            if exchange.method == method and exchange.path.startswith(path):
                return canned
        if exchange.method == "POST" and exchange.headers.get("authorization") != f"Bearer {self.token}":
            return 401, refusal("AUTH_REQUIRED", "send Authorization: Bearer with the API token")
        match exchange.method, exchange.path.strip("/").split("/"):
            case "POST", ["test-data", "requests"]:
                return self._once(exchange)
            case "POST", ["test-data", "runs", run_id, "reset"]:
                self._interrupt()
                return self._reset(run_id, str(exchange.body["cleanup_token"]))
            case "POST", ["test-data", "runs", run_id, "extend"] if run_id in self.live:
                return 200, {"run_id": run_id, "expires_at": f"in {exchange.body['ttl_seconds']} s"}
            case "POST", ["test-data", "volumes"]:
                return self._once(exchange)
            case "GET", ["test-data", "volumes", run_id, "events"] if run_id in self.live:
                return 200, self._tell(run_id)
            case "GET", ["test-data", "digest"]:
                return 200, {"tables": self.digests}
            case "POST", ["test-data", "reset", "all"] if exchange.headers.get("x-confirm") == "yes":
                return 200, {**STRATEGY, "deleted_counts": {"member": 2, "plan": 0}, "cleared_record_count": 2}
            case "POST", ["test-data", "baseline", "snapshot"]:
                return 200, {**STRATEGY, **BASELINE, **exchange.body, "tables": ["member"], "schema_version": "1"}
            case "POST", ["test-data", "baseline", "restore"]:
                return 200, {**STRATEGY, **BASELINE, **exchange.body, "restored_at": "2026-11-22T00:01:00Z"}
            case "GET", ["test-data", "baseline", "list"]:
                return 200, {"baselines": [BASELINE]}
            case "GET", ["audit", "runs", run_id] if run_id in self.live:
                return 200, _trail(run_id)
            case "GET", ["catalog", "scenarios"]:
                return 200, CATALOG
            case "GET", ["catalog", "runs"]:
                return 200, {"runs": [_run_entry(run_id) for run_id in reversed(self.live)]}
            case _:
                return 404, refusal("RUN_NOT_FOUND", "no such run; `atdm runs` lists them")

    def _once(self, exchange: Exchange) -> tuple[int, object]:
        key = exchange.headers["idempotency-key"]
        if key in self.keys and self.in_progress:
            self.in_progress -= 1
            return 409, refusal("REQUEST_IN_PROGRESS", "not finished; send it again a little later")
        if key not in self.keys:
            is_volume = "mix" in exchange.body
            self.keys[key] = (202, self._begin(exchange.body)) if is_volume else self._seed(exchange.body)
        return self.keys[key]

    def _seed(self, wish: dict[str, object]) -> tuple[int, object]:
        constraints = cast("dict[str, str]", wish.get("constraints", {}))
        status = constraints.get("member_status", "active")
        if status not in ("active", "inactive"):
            message = f"member_status cannot be {status!r}"
            return 422, refusal("INVALID_CONSTRAINT", message, allowed=["active", "inactive"])
        self.runs += 1
        run_id = f"01FAKE{self.runs:020d}"
        self.live[run_id] = "seeded"
        delivery = cast("dict[str, bool]", wish.get("delivery", {}))
        answer: dict[str, object] = {
            "request_id": f"tdr_{run_id}",
            "test_run_id": run_id,
            "status": "ready",
            "data": {"member_id": f"m-{run_id}", "claim_id": f"claim-{run_id}"},
            "fixtures": {
                "playwright": f"/fixtures/{run_id}.json" if delivery.get("return_playwright_fixture") else None,
                "pytest": None,
            },
            "cleanup": {
                "cleanup_token": f"token-{run_id}",
                "endpoint": f"/test-data/runs/{run_id}/reset",
                "expires_at": "2026-11-23T00:00:00Z",
            },
            "seed": wish.get("seed", 4711),
            "as_of": wish.get("as_of", "2026-02-28"),
            "audit_head": "0" * 64,
        }
        if delivery.get("return_records"):
            answer["records"] = {"member": [{"member_id": f"m-{run_id}", "plan_id": None}]}
        return 200, answer

    def _begin(self, wish: dict[str, object]) -> dict[str, object]:
        self.runs += 1
        run_id = f"01FAKE{self.runs:020d}"
        self.live[run_id] = "seeded"
        cleanup = {"cleanup_token": f"token-{run_id}", "endpoint": f"/test-data/runs/{run_id}/reset"}
        return {
            "request_id": f"tdr_{run_id}",
            "test_run_id": run_id,
            "status": "open",
            "count": wish["count"],
            "seed": wish.get("seed", 4711),
            "as_of": wish.get("as_of", "2026-02-28"),
            "events": f"/test-data/volumes/{run_id}/events",
            "cleanup": {**cleanup, "expires_at": None},
        }

    def _tell(self, run_id: str) -> str:
        """Two words about a volume, the second its last; the first time only one, where `breaks_off` says so."""
        self._interrupt()
        going = {"test_run_id": run_id, "status": "open", "bundles": 3, "rows": 15, "rows_per_second": 30.0}
        end = {**going, "status": "ready", "bundles": 6, "rows": 30, "row_counts": {"member": 30}, "digest": "d" * 64}
        failure = {"code": "SEED_FAILED", "message": "the target refused", "details": {"table": "member"}}
        failed = {**going, "status": "rolled_back", "error": failure}
        words = [("progress", going), ("failed", failed) if self.fails else ("ready", end)]
        told, self.breaks_off = words[: 1 if self.breaks_off else 2], False
        return "".join(f"event: {name}\r\ndata: {json.dumps(word)}\r\n\r\n" for name, word in told)

    def _interrupt(self) -> None:
        if self.interrupts:
            self.interrupts -= 1
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _reset(self, run_id: str, token: str) -> tuple[int, object]:
        if run_id not in self.live:
            return 404, refusal("RUN_NOT_FOUND", f"no run {run_id!r}")
        if token != f"token-{run_id}":
            return 403, refusal("TOKEN_MISMATCH", f"this token does not belong to run {run_id!r}")
        if self.live[run_id] == "cleaned":
            return 200, {"run_id": run_id, "status": "already_cleaned"}
        self.live[run_id] = "cleaned"
        return 200, {"run_id": run_id, "status": "cleaned", "deleted_counts": {"claim": 1, "member": 1}}


def _trail(run_id: str) -> dict[str, object]:
    return {
        "run_id": run_id,
        "scenario_id": "active_member_clean",
        "invoker": "human:tester",
        "planner_mode": "rule",
        "prompt": None,
        "plan": {},
        "validator_decisions": [{"validator": "temporal.window", "ok": True, "message": "", "details": {}}],
        "records_created": [{"table_name": "member", "primary_key": f"m-{run_id}"}],
        "fixtures_emitted": [],
        "reset_status": "not_reset",
        "started_at": "2026-11-22T00:00:00Z",
        "finished_at": "2026-11-22T00:00:01Z",
        "duration_ms": 1000.0,
        "events": [{"timestamp": "2026-11-22T00:00:00Z", "action": "request_received", "status": "ok"}],
    }


def _run_entry(run_id: str) -> dict[str, object]:
    return {
        "test_run_id": run_id,
        "scenario_id": "active_member_clean",
        "status": "ready",
        "created_at": "2026-11-22T00:00:00Z",
        "invoker": "human:tester",
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, so that reuse can be counted
    wbufsize = -1  # head and body in one packet; in two, each answer waits 40 ms for an acknowledgement

    @property
    def api(self) -> FakeApi:
        return cast("_Server", self.server).api

    def setup(self) -> None:
        super().setup()
        self.api.connections += 1

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the parent names it
        """Stay silent: the tests look at `exchanges`."""

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        where = urlsplit(self.path)
        exchange = Exchange(
            self.command,
            where.path,
            parse_qs(where.query),
            {name.lower(): value for name, value in self.headers.items()},
            cast("dict[str, object]", json.loads(raw)) if raw else {},
        )
        self.api.exchanges.append(exchange)
        status, body = self.api.answer(exchange)
        if self.api.to_lose:
            self.api.to_lose -= 1
            self.close_connection = True
            return
        payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        _ = self.wfile.write(payload)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: FakeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api: FakeApi = api

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client hangs up, which some tests do on purpose; tell anything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


@contextmanager
def serve_fake_api() -> Generator[FakeApi]:
    """Serve a fresh FakeApi on a free port of the loopback until the block ends."""
    api = FakeApi()
    with _Server(api) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
