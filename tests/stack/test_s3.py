"""The whole stack on an S3 endpoint over HTTP: what lies in the buckets, and which endpoints are refused."""

import io
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx2
import psycopg
import pyarrow.parquet as pq
import pytest
from litestar.testing import AsyncTestClient

from atdm_server.app import create_app
from atdm_server.settings import Settings
from atdm_server.tokens import Tokens
from infra.local_stack import Stack
from infra.local_stack.stack import free_ports
from tests.s3 import S3, s3_environment

ROOT = Path(__file__).parents[2]
TOKEN = "an api token for tests"


@pytest.fixture(scope="module")
def api(s3_stack: Stack) -> Generator[httpx2.Client]:
    """A client of the server whose objects are in S3."""
    headers = {"authorization": f"Bearer {s3_stack.api_token}"}
    with httpx2.Client(base_url=s3_stack.api_url, headers=headers, timeout=30) as client:
        yield client


def test_the_records_of_a_run_lie_in_the_buckets(api: httpx2.Client, s3: S3) -> None:
    """Request, idempotent repeat and reset leave trail, parts, segments, catalog row and key as objects, once each."""
    key = {"idempotency-key": uuid4().hex}
    before = set(s3.keys("atdm-catalog"))
    body = {"scenario": "claim_denial_active_member"}
    answer = api.post("/test-data/requests", json=body, headers=key).raise_for_status().json()
    assert api.post("/test-data/requests", json=body, headers=key).raise_for_status().json() == answer
    run_id, token = answer["test_run_id"], answer["cleanup"]["cleanup_token"]
    reset = f"/test-data/runs/{run_id}/reset"
    outcomes = [api.post(reset, json={"cleanup_token": token}).raise_for_status().json() for _ in range(2)]
    assert [outcome["status"] for outcome in outcomes] == ["cleaned", "already_cleaned"]

    audit, catalog = s3.keys("atdm-audit"), set(s3.keys("atdm-catalog")) - before
    assert f"runs/{run_id}.parquet" in audit
    parts = [name for name in audit if name.startswith("parts/") and run_id in name]
    assert parts == [f"parts/{run_id}/{version:06}.parquet" for version in (1, 2)]
    assert any(name.startswith("segments/") for name in audit)
    assert {name.partition("/")[0] for name in catalog} == {"runs", "idempotency"}
    assert len(catalog) == 2
    row = pq.read_table(io.BytesIO(s3.read("atdm-catalog", f"runs/{run_id}.parquet"))).to_pylist()[0]
    assert row["test_run_id"] == run_id
    assert not any(token in str(value) for value in row.values())


def test_the_trail_says_which_object_it_was_read_from(api: httpx2.Client) -> None:
    """The audit answer names the run's object in S3, and the catalog lists the run with its present status."""
    answer = api.post("/test-data/requests", json={"scenario": "active_member_clean"}).raise_for_status().json()
    run_id = answer["test_run_id"]
    trail = api.get(f"/audit/runs/{run_id}").raise_for_status()
    assert trail.headers["x-audit-source"] == f"s3://atdm-audit/runs/{run_id}.parquet"
    assert trail.json()["head"] == answer["audit_head"]
    assert api.get("/catalog/runs", params={"limit": 1}).json()["runs"][0]["test_run_id"] == run_id


class Overwriting(BaseHTTPRequestHandler):
    """The least of an S3 server: objects that can be put and got. It ignores If-None-Match, as some do."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict[str, bytes]] = {}

    def do_PUT(self) -> None:
        """Store an object, whatever is there."""
        self.objects[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self.answer(200, b"")

    def do_GET(self) -> None:
        """Return an object."""
        found = self.objects.get(self.path)
        self.answer(404 if found is None else 200, found or b"")

    def answer(self, status: int, body: bytes) -> None:
        """Send an answer with the headers that S3 clients want."""
        self.send_response(status)
        self.send_header("etag", '"00000000000000000000000000000000"')
        self.send_header("last-modified", self.date_time_string())
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
        """Say nothing."""


@contextmanager
def overwriting_s3() -> Generator[str]:
    """Run the endpoint that ignores conditions; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Overwriting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def start_refused(endpoint: str, tmp_path: Path) -> str:
    """What a server that must not start on an endpoint says, in the one line it has."""
    (port,) = free_ports(1)
    environment = {
        "ATDM_API_TOKEN": TOKEN,
        "ATDM_TARGET_URL": "http://127.0.0.1:9",
        "ATDM_TARGET_TOKEN": "a target token for tests",
        "ATDM_SERVER_KEY": "a server key for tests",
        "ATDM_STORE_URL": "s3://",
        "ATDM_FIXTURE_DIR": str(tmp_path),
        "ATDM_PORT": str(port),
        **s3_environment(endpoint),
    }
    program = [sys.executable, "-m", "atdm_server"]
    ended = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_a_store_that_ignores_conditional_create_is_refused_at_start(tmp_path: Path) -> None:
    """A server does not start on an S3 endpoint that lets a create replace an object, and says in one line why."""
    with overwriting_s3() as endpoint:
        told = start_refused(endpoint, tmp_path)
    assert told.startswith("atdm-server: the object store at s3://atdm-")
    assert "If-None-Match" in told
    assert "use a store with atomic conditional writes" in told


async def test_a_store_that_goes_away_is_told_as_such(
    s3_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store does not answer, readiness is 503 and names it, and a request is 503 and writes nothing."""
    (closed,) = free_ports(1)
    for name, value in s3_environment(f"http://127.0.0.1:{closed}").items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        tokens=Tokens([Tokens.admin(TOKEN, "ATDM_API_TOKEN")]),
        target_url=s3_stack.target_url,
        target_token=s3_stack.target_token,
        store_url="s3://",
        server_key=b"a server key for tests",
        fixture_folder=tmp_path,
    )
    headers = {"authorization": f"Bearer {TOKEN}"}
    with psycopg.connect(s3_stack.postgres_dsn, autocommit=True) as connection:
        before = connection.execute("SELECT count(*) FROM member").fetchone()
        async with AsyncTestClient(create_app(settings)) as client:
            ready = await client.get("/health/ready")
            body = {"scenario": "active_member_clean"}
            asked = await client.post("/test-data/requests", json=body, headers=headers)
        assert connection.execute("SELECT count(*) FROM member").fetchone() == before
    assert (ready.status_code, ready.json()["error"]["code"]) == (503, "NOT_READY")
    assert list(ready.json()["error"]["details"]) == ["store"]
    assert (asked.status_code, asked.json()["error"]["code"]) == (503, "STORE_UNAVAILABLE")


def test_a_store_that_does_not_answer_is_refused_at_start(tmp_path: Path) -> None:
    """A server does not start when nothing listens where its object store should be."""
    (closed,) = free_ports(1)
    told = start_refused(f"http://127.0.0.1:{closed}", tmp_path)
    assert told.startswith("atdm-server: the object store at s3://atdm-")
    assert "cannot be used" in told
