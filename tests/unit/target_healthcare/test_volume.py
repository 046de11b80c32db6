"""Runs that come as a stream of batches, over HTTP and on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

import httpx2
import psycopg
import pyarrow as pa
import pytest

from target_healthcare.baseline.frames import Done, Start, write_batch, write_frame
from tests.unit.target_healthcare.bundles import SHA, denied_claim, seed_body
from tests.unit.target_healthcare.test_responses import assert_error

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]
Part: TypeAlias = tuple[str, pa.RecordBatch]
TABLES = ("plan", "provider", "member", "eligibility", "claim")
OTHER_SHA = "1" * 64


def parts(run_id: str) -> list[Part]:
    """The rows of a bundle, a batch for each table."""
    rows = denied_claim(run_id)
    return [(name, pa.RecordBatch.from_pylist(rows[name])) for name in TABLES]


def body(batches: Sequence[Part]) -> bytes:
    """A whole stream."""
    counts: dict[str, int] = {}
    for name, batch in batches:
        counts[name] = counts.get(name, 0) + batch.num_rows
    return b"".join(write_batch(*part) for part in batches) + write_frame(Done(counts))


async def load(
    client: httpx2.AsyncClient, run_id: str, content: bytes, sha: str = SHA, **query: int
) -> httpx2.Response:
    """Send a stream."""
    return await client.put(f"/internal/runs/{run_id}/rows", params={"bundle_sha": sha, **query}, content=content)


def plans(run_id: str, *keys: str, **more: str) -> Part:
    """Rows of one table."""
    row = {"name": "FAKE_Plan", "coverage_type": "ppo", "effective_date": "2026-01-01", "test_run_id": run_id}
    return "plan", pa.RecordBatch.from_pylist([{"plan_id": key, **row, **more} for key in keys])


def held(sql: Sql) -> tuple[object, ...] | None:
    """How many plans and ledger entries there are."""
    return sql.execute("SELECT (SELECT count(*) FROM plan), (SELECT count(*) FROM atdm_run)").fetchone()


async def test_a_stream_is_a_seed(client: httpx2.AsyncClient, sql: Sql) -> None:
    """Its rows are those that a seed of the same bundle writes, with a ledger entry, a time, and the way back."""
    await client.put("/internal/runs/r", json=seed_body("r"))
    seeded = [sql.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in TABLES]
    await client.delete("/internal/runs/r")
    sql.execute("DELETE FROM atdm_run")

    answer = await load(client, "r", body(parts("r")), ttl_seconds=60)

    assert answer.status_code == 201
    told = answer.json()
    assert (told["run_id"], told["state"], told["keys"]) == ("r", "seeded", {})
    assert told["row_counts"] == dict.fromkeys(TABLES, 1)
    assert [sql.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in TABLES] == seeded
    assert (await client.get("/internal/runs/r")).json()["expires_at"] == told["expires_at"]
    deleted = (await client.delete("/internal/runs/r")).json()
    assert {name: count for name, count in deleted["deleted_counts"].items() if count} == told["row_counts"]


async def test_tables_may_come_again(client: httpx2.AsyncClient, sql: Sql) -> None:
    """Batches of one table may follow one another, come again later, and leave columns to the database."""
    first, second = plans("r", "a", "b"), plans("r", "c")
    member = denied_claim("r")["member"][0] | {"plan_id": "c"}
    batches = [first, second, ("member", pa.RecordBatch.from_pylist([member])), plans("r", "d")]

    answer = await load(client, "r", body(batches))

    assert answer.json()["row_counts"] == {"plan": 4, "member": 1}
    assert held(sql) == (4, 1)


@pytest.mark.parametrize(
    "column",
    [pa.array(["r", "r"]).dictionary_encode(), pa.array(["r", "r"])],
    ids=["dictionary", "plain"],
)
async def test_texts_may_be_dictionaries(client: httpx2.AsyncClient, sql: Sql, column: pa.Array) -> None:
    """The run column, as any other, may be a dictionary of texts; days and times may be what Arrow has for them."""
    batch = pa.record_batch(
        {
            "plan_id": pa.array(["a", 'say "b", or\nc']),
            "name": pa.array(["FAKE_P", "FAKE_P"]).dictionary_encode(),
            "coverage_type": pa.array(["ppo", "hmo"]),
            "effective_date": pa.array([20_000, 20_001], pa.date32()),
            "test_run_id": column,
        }
    )
    assert (await load(client, "r", body([("plan", batch)]))).status_code == 201
    rows = sql.execute("SELECT plan_id, effective_date::text FROM plan ORDER BY effective_date").fetchall()
    assert rows == [("a", "2024-10-04"), ('say "b", or\nc', "2024-10-05")]


async def test_the_same_again_and_another(client: httpx2.AsyncClient, sql: Sql) -> None:
    """The same digest is answered 200 with what is there, another is refused, and so is a run that was deleted."""
    first = await load(client, "r", body([plans("r", "a")]), ttl_seconds=60)
    again = await load(client, "r", body([plans("r", "a")]), ttl_seconds=60)
    assert (again.status_code, again.json()) == (200, first.json())
    assert_error(await load(client, "r", body([plans("r", "b")]), OTHER_SHA), 409, "RUN_CONFLICT")
    assert held(sql) == (1, 1)
    await client.delete("/internal/runs/r")
    assert_error(await load(client, "r", body([plans("r", "a")])), 410, "RUN_DELETED")
    assert held(sql) == (0, 1)


@pytest.mark.parametrize(
    ("batches", "status", "code"),
    [
        ([plans("r", "a"), ("nowhere", plans("r", "b")[1])], 422, "UNKNOWN_TABLE"),
        ([plans("r", "a"), plans("s", "b")], 422, "INVALID_VALUE"),
        ([plans("r", "a", colour="red")], 422, "UNKNOWN_COLUMN"),
        ([plans("r", "a", "a")], 409, "DUPLICATE_KEY"),
        ([plans("r", "a", coverage_type="none")], 422, "CONSTRAINT_VIOLATED"),
        ([plans("r", "a", effective_date="soon")], 422, "INVALID_VALUE"),
        ([plans("r", "a"), ("member", parts("r")[2][1])], 422, "CONSTRAINT_VIOLATED"),
    ],
    ids=["table", "run", "column", "key", "check", "value", "reference"],
)
async def test_refusals_leave_nothing(
    client: httpx2.AsyncClient, sql: Sql, batches: list[Part], status: int, code: str
) -> None:
    """What a seed would be refused for, a stream is too, as a whole; and the run id is free again."""
    assert_error(await load(client, "r", body(batches)), status, code)
    assert held(sql) == (0, 0)
    assert (await load(client, "r", body([plans("r", "a")]))).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        b"",
        body([plans("r", "a")])[:-1],
        body([plans("r", "a")]) + b"x",
        write_batch(*plans("r", "a")),
        write_batch(*plans("r", "a")) + write_frame(Done({"plan": 2})),
        write_frame(Start("v", "2026-01-01T00:00:00Z", ())),  # pyright: ignore[reportArgumentType]
    ],
    ids=["empty", "cut off", "goes on", "no end", "miscounted", "another stream"],
)
async def test_broken_streams_leave_nothing(client: httpx2.AsyncClient, sql: Sql, content: bytes) -> None:
    """A stream that is cut off, goes on after its end or counts wrongly is refused as a whole."""
    assert_error(await load(client, "r", content), 400, "INVALID_REQUEST")
    assert held(sql) == (0, 0)


async def test_the_query_is_checked(client: httpx2.AsyncClient) -> None:
    """A digest that is none, a time that is none and an id that is none are refused."""
    assert_error(await load(client, "r", b"", "abc"), 400, "INVALID_REQUEST")
    assert_error(await load(client, "r", b"", ttl_seconds=0), 400, "INVALID_REQUEST")
    assert_error(await load(client, ".r", b""), 400, "INVALID_REQUEST")


async def test_rows_that_a_trigger_swallows(own_client: httpx2.AsyncClient, own_database: str) -> None:
    """A stream of which less is written than was sent fails as a whole."""
    with psycopg.connect(own_database, autocommit=True) as sql:
        sql.execute(
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "CREATE TRIGGER swallow BEFORE INSERT ON plan FOR EACH ROW WHEN (NEW.plan_id = 'b')"
            "EXECUTE FUNCTION swallow()"
        )
        assert_error(await load(own_client, "r", body([plans("r", "a", "b")])), 422, "CONSTRAINT_VIOLATED")
        assert held(sql) == (0, 0)


async def test_others_go_on_meanwhile(client: httpx2.AsyncClient, sql: Sql) -> None:
    """While a stream is under way its rows are seen by nobody, others seed and delete, and reads are served."""
    half, go = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        whole = body([plans("r", "a"), plans("r", "b")])
        yield whole[:-100]
        half.set()
        await go.wait()
        yield whole[-100:]

    loading = asyncio.create_task(client.put("/internal/runs/r/rows", params={"bundle_sha": SHA}, content=pieces()))
    await asyncio.wait_for(half.wait(), 10)
    assert (await client.put("/internal/runs/s", json=seed_body("s"))).status_code == 201
    assert (await client.get("/plans/plan-s")).status_code == 200
    assert (await client.get("/plans/a")).status_code == 404
    assert (await client.delete("/internal/runs/s")).status_code == 200
    go.set()
    assert (await loading).status_code == 201
    assert held(sql) == (2, 2)
