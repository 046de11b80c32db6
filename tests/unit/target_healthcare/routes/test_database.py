"""The whole database over HTTP, against the application and against real processes."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import TypeAlias

import httpx2
import psycopg
import pytest

from target_healthcare.baseline import Database
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from target_healthcare.settings import HEALTHCARE_MIGRATIONS
from tests.unit.target_healthcare.bundles import SHA, denied_claim, seed_body
from tests.unit.target_healthcare.conftest import TOKEN
from tests.unit.target_healthcare.exports import digests, read_frames, write_frames
from tests.unit.target_healthcare.test_main import environment, serving
from tests.unit.target_healthcare.test_responses import assert_error

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]
TABLES = ["plan", "provider", "procedure_code", "diagnosis_code", "member", "eligibility", "claim"]
MEDIA_TYPE = "application/vnd.atdm.tables"


async def export(client: httpx2.AsyncClient) -> tuple[bytes, str]:
    """An export, and the schema's version that it carries."""
    answer = await client.get("/internal/database")
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE)
    return answer.content, read_frames(answer.content)[0][0]["schema_version"]


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that only the database can tell, at most ten seconds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_delete_all_leaves_shared_rows_and_tombstones(client: httpx2.AsyncClient, sql: Sql) -> None:
    """Rows of every run go, shared codes stay, and no run can be seeded again; repeating it finds nothing."""
    for run_id in ("r", "s"):
        tables = denied_claim(run_id)
        tables["procedure_code"] = [{"code": run_id, "description": "", "is_valid": True, "test_run_id": run_id}]
        await client.put(f"/internal/runs/{run_id}", json={"bundle_sha": SHA, "tables": tables})

    answer, again = await client.delete("/internal/runs"), await client.delete("/internal/runs")

    first = answer.json()
    assert first["deleted_counts"] == dict.fromkeys(TABLES, 2) | {"diagnosis_code": 0}
    assert (first["run_count"], first["residue"]) == (2, [])
    assert sorted(key["claim_id"] for key in first["deleted_keys"]["claim"]) == ["claim-r", "claim-s"]
    assert again.json()["deleted_counts"] == dict.fromkeys(TABLES, 0)
    assert (again.json()["run_count"], again.json()["deleted_keys"], again.json()["residue"]) == (0, {}, [])
    assert sql.execute("SELECT count(*) FROM procedure_code").fetchone() == (4,)
    assert_error(await client.put("/internal/runs/r", json=seed_body("r")), 410, "RUN_DELETED")


async def test_a_row_of_no_run_goes_with_what_it_points_at(own_client: httpx2.AsyncClient, own_database: str) -> None:
    """A row that the system put under those of a run is deleted with all runs, and told."""
    await own_client.put("/internal/runs/r", json=seed_body("r"))
    with psycopg.connect(own_database) as connection:
        connection.execute("ALTER TABLE claim ALTER test_run_id DROP NOT NULL")
        connection.execute("UPDATE claim SET test_run_id = NULL")

    answer = (await own_client.delete("/internal/runs")).json()

    residue = [{"table": "claim", "key": {"claim_id": "claim-r"}, "reason": "references", "deleted": True}]
    assert answer["residue"] == residue
    assert (answer["deleted_counts"]["claim"], "claim" in answer["deleted_keys"]) == (1, False)


async def test_a_restore_brings_back_what_was_exported(client: httpx2.AsyncClient, database: str, sql: Sql) -> None:
    """Rows come back as they were, rows of later runs are gone, and all runs are tombstones."""
    await client.put("/internal/runs/r", json=seed_body("r"))
    before = digests(database, TABLES)
    stream, version = await export(client)
    await client.delete("/internal/runs/r")
    await client.put("/internal/runs/s", json=seed_body("s"))

    answer = await client.put("/internal/database", params={"schema_version": version}, content=stream)

    counts = dict.fromkeys(TABLES, 1) | {"procedure_code": 4, "diagnosis_code": 4}
    assert (answer.status_code, answer.json()) == (200, {"row_counts": counts, "run_count": 1})
    assert digests(database, TABLES) == before
    assert sql.execute("SELECT run_id, state FROM atdm_run ORDER BY 1").fetchall() == [
        ("r", "deleted"),
        ("s", "deleted"),
    ]


async def test_a_digest_proves_what_a_run_left_behind(client: httpx2.AsyncClient) -> None:
    """Each table's rows and digest are another while a run is there, and what they were once it is deleted."""
    before = (await client.get("/internal/digest")).json()
    await client.put("/internal/runs/r", json=seed_body("r"))
    between = (await client.get("/internal/digest")).json()
    await client.delete("/internal/runs/r")

    assert list(before["tables"]) == TABLES
    assert before["tables"]["claim"] == {"rows": 0, "digest": "0" * 32}
    changed = {name for name in TABLES if between["tables"][name] != before["tables"][name]}
    assert changed == {"plan", "provider", "member", "eligibility", "claim"}
    assert (await client.get("/internal/digest")).json() == before


async def test_drift_and_broken_streams_have_their_codes(client: httpx2.AsyncClient, database: str) -> None:
    """Another version is 409, in the query as in the stream; anything that is no whole stream is 400."""
    stream, version = await export(client)
    frames = read_frames(stream)
    drifted = write_frames([(frames[0][0] | {"schema_version": "0" * 64}, b""), *frames[1:]])
    before = digests(database, TABLES)

    async def put(body: bytes, schema_version: str = version) -> httpx2.Response:
        return await client.put("/internal/database", params={"schema_version": schema_version}, content=body)

    details = assert_error(await put(stream, "0" * 64), 409, "SCHEMA_DRIFT")
    assert details == {"given": "0" * 64, "expected": version}
    assert_error(await put(drifted), 409, "SCHEMA_DRIFT")
    for body in (b"", b"no frames", stream[:-1], stream + b"x", write_frames(frames[:-1])):
        assert_error(await put(body), 400, "INVALID_REQUEST")
    assert_error(await client.put("/internal/database", content=stream), 400, "INVALID_REQUEST")
    assert digests(database, TABLES) == before


async def test_the_database_is_not_open_to_everybody(client: httpx2.AsyncClient) -> None:
    """Export, restore and deletion of all need the service token."""
    for method, path in (
        ("GET", "database"),
        ("GET", "digest"),
        ("PUT", "database?schema_version=x"),
        ("DELETE", "runs"),
    ):
        answer = await client.request(method, f"/internal/{path}", headers={"authorization": "Bearer wrong"})
        assert_error(answer, 401, "AUTH_REQUIRED")


async def test_a_seed_waits_for_a_restore(client: httpx2.AsyncClient, database: str, sql: Sql) -> None:
    """A seed that comes while a restore is under way is written after it, whole."""
    stream, _ = await export(client)
    loading, go_on = threading.Event(), threading.Event()

    def slow() -> Generator[bytes]:
        yield stream[:-50]
        loading.set()
        assert go_on.wait(20)
        yield stream[-50:]

    whole = Database(database, read_schema(read_migrations(HEALTHCARE_MIGRATIONS)))
    restore = asyncio.create_task(asyncio.to_thread(whole.restore, slow()))
    assert await asyncio.to_thread(loading.wait, 20)
    seed = asyncio.create_task(client.put("/internal/runs/r", json=seed_body("r")))
    await until(lambda: waiting(sql) == 1)
    go_on.set()
    async with asyncio.timeout(20):
        restored, answer = await restore, await seed

    assert (restored.row_counts["claim"], answer.status_code) == (0, 201)
    assert (await client.get("/internal/runs/r")).json()["row_counts"]["claim"] == 1


def waiting(sql: Sql) -> int:
    """How many sessions wait for a lock."""
    ((number,),) = sql.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchall()
    return int(str(number))


@pytest.fixture
def port() -> str:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


async def test_a_sender_that_goes_away_changes_nothing(own_database: str, port: str, tmp_path: Path) -> None:
    """Over a real connection: a body of many rows breaks off, the old rows stay, and the next restore succeeds."""
    with psycopg.connect(own_database) as connection:
        connection.execute(
            "INSERT INTO plan SELECT 'plan-' || n, repeat('x', 200), 'hmo', '2026-01-01', 'r'"
            " FROM generate_series(1, 100000) AS n"
        )
    headers, url = {"authorization": f"Bearer {TOKEN}"}, f"http://127.0.0.1:{port}"
    with (
        serving(environment(own_database, TARGET_PORT=port), tmp_path / "log"),
        psycopg.connect(own_database, autocommit=True) as sql,
    ):
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            stream, version = await export(client)
            sql.execute("DELETE FROM plan WHERE plan_id <> 'plan-1'")
            before = digests(own_database, TABLES)
            restores = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'target-healthcare restore'"

            def is_restoring() -> bool:
                return sql.execute(restores).fetchone() == (1,)

            async def broken() -> AsyncGenerator[bytes]:
                yield stream[: len(stream) // 2]
                await until(is_restoring)
                raise ConnectionAbortedError

            params = {"schema_version": version}
            with pytest.raises(ConnectionAbortedError):
                await client.put("/internal/database", params=params, content=broken())
            await until(lambda: not is_restoring())
            assert digests(own_database, TABLES) == before
            drift = await client.put("/internal/database", params={"schema_version": "0"}, content=stream)
            assert_error(drift, 409, "SCHEMA_DRIFT")
            answer = await client.put("/internal/database", params=params, content=stream)
            assert answer.json()["row_counts"]["plan"] == 100_000
            async with client.stream("GET", "/internal/database") as half:
                await anext(half.aiter_raw())
            exports = restores.replace("restore", "export").encode()
            await until(lambda: sql.execute(exports).fetchone() == (0,))
