"""What becomes of a run when the target misbehaves: the caller knows, the trail says so, and no row stays."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import psycopg
import pytest

from atdm_server import Settings, create_app
from atdm_server.tokens import Tokens
from infra.local_stack import Stack
from tests.flaky_proxy import FlakyProxy, Mode

TABLES = ("plan", "provider", "member", "eligibility", "claim")
TOKEN = "a-token-for-tests-only"
PATIENCE = 30.0  # seconds until a run that could not be undone at once must be undone


@asynccontextmanager
async def server(stack: Stack, target_url: str, folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """A server of its own, whose target is behind `target_url`."""
    settings = Settings(
        tokens=Tokens([Tokens.admin(TOKEN, "ATDM_API_TOKEN")]),
        target_url=target_url,
        target_token=stack.target_token,
        store_url=(folder / "objects").as_uri(),
        server_key=b"a key for tests only",
        fixture_folder=folder / "fixtures",
        target_timeout=0.5,
    )
    app = create_app(settings)
    transport = httpx2.ASGITransport(cast("Any", app))  # in this event loop, as the proxy
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        app.lifespan(),
        httpx2.AsyncClient(transport=transport, base_url="http://atdm", headers=headers) as client,
    ):
        yield client


def rows_of_run(stack: Stack, run_id: str) -> int:
    """The rows that PostgreSQL holds for a run."""
    counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE test_run_id = %(run)s)" for table in TABLES)
    with psycopg.connect(stack.postgres_dsn) as connection:
        row = connection.execute(f"SELECT {counts}".encode(), {"run": run_id}).fetchone()
    assert row is not None
    return row[0]


def ledger_state(stack: Stack, run_id: str) -> str | None:
    """The state that the target's ledger has for a run."""
    with psycopg.connect(stack.postgres_dsn) as connection:
        row = connection.execute("SELECT state FROM atdm_run WHERE run_id = %s", [run_id]).fetchone()
    return row[0] if row else None


async def until_deleted(stack: Stack, run_id: str) -> None:
    """Wait, within bounds, until the run has its tombstone."""
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(ledger_state, stack, run_id) != "deleted":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("error", "SEED_FAILED"),
        ("hang", "TARGET_UNREACHABLE"),
        ("lose_answer", "TARGET_UNREACHABLE"),
        ("down", "TARGET_UNREACHABLE"),
    ],
)
async def test_failing_target_leaves_no_row(stack: Stack, tmp_path: Path, mode: Mode, code: str) -> None:
    """A target that fails, hangs, loses the answer or is down: 502, a rolled-back trail, no row in the end."""
    async with FlakyProxy(stack.target_url) as proxy, server(stack, proxy.url, tmp_path) as client:
        proxy.mode = mode
        response = await client.post("/test-data/requests", json={"scenario": "active_member_clean"})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (502, code)
        run_id = error["test_run_id"]
        trail = (await client.get(f"/audit/runs/{run_id}")).json()
        assert trail["events"][-1]["action"] == "seed_failed"
        assert trail["events"][-1]["status"] == trail["status"] == "rolled_back"
        proxy.mode = "pass"
        await until_deleted(stack, run_id)
        assert rows_of_run(stack, run_id) == 0
        listed = (await client.get("/catalog/runs")).json()["runs"]
        assert [(run["test_run_id"], run["status"]) for run in listed] == [(run_id, "rolled_back")]


async def test_server_serves_again_when_the_target_is_back(stack: Stack, tmp_path: Path) -> None:
    """A server whose target was away is not ready, says so by name, and serves as soon as the target is back."""
    async with FlakyProxy(stack.target_url) as proxy, server(stack, proxy.url, tmp_path) as client:
        proxy.mode = "down"
        away = await client.get("/health/ready")
        assert (away.status_code, away.json()["error"]["code"]) == (503, "NOT_READY")
        assert "target" in away.json()["error"]["details"]
        proxy.mode = "pass"
        assert (await client.get("/health/ready")).status_code == 200
        answer = (await client.post("/test-data/requests", json={"scenario": "active_member_clean"})).json()
        assert rows_of_run(stack, answer["test_run_id"]) == len(TABLES)


async def test_reset_that_fails_is_recorded_and_can_be_repeated(stack: Stack, tmp_path: Path) -> None:
    """A reset whose answer is lost is answered 502 and recorded as failed; repeated, it ends clean."""
    async with FlakyProxy(stack.target_url) as proxy, server(stack, proxy.url, tmp_path) as client:
        answer = (await client.post("/test-data/requests", json={"scenario": "active_member_clean"})).json()
        run_id, body = answer["test_run_id"], {"cleanup_token": answer["cleanup"]["cleanup_token"]}
        proxy.mode = "lose_answer"
        lost = await client.post(f"/test-data/runs/{run_id}/reset", json=body)
        assert (lost.status_code, lost.json()["error"]["test_run_id"]) == (502, run_id)
        trail = (await client.get(f"/audit/runs/{run_id}")).json()
        assert trail["events"][-1]["action"] == "reset_failed"
        assert trail["reset_status"] == "failed"
        proxy.mode = "pass"
        again = await client.post(f"/test-data/runs/{run_id}/reset", json=body)
        assert (again.status_code, again.json()["status"]) == (200, "cleaned")
        assert rows_of_run(stack, run_id) == 0


async def test_late_seed_is_refused(stack: Stack, tmp_path: Path) -> None:
    """A seed that reaches the target after its run was undone is refused: the tombstone is there first."""
    async with FlakyProxy(stack.target_url) as proxy, server(stack, proxy.url, tmp_path) as client:
        proxy.mode = "hang"
        response = await client.post("/test-data/requests", json={"scenario": "active_member_clean"})
        run_id = response.json()["error"]["test_run_id"]
        proxy.mode = "pass"
        await until_deleted(stack, run_id)
        late: dict[str, object] = {"bundle_sha": "0" * 64, "tables": {}}
        headers = {"authorization": f"Bearer {stack.target_token}"}
        async with httpx2.AsyncClient(base_url=stack.target_url, headers=headers) as target:
            assert (await target.put(f"/internal/runs/{run_id}", json=late)).status_code == 410
