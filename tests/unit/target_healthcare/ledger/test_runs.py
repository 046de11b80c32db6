"""The promises of the ledger, on a real database: all or nothing, once, and never back from the dead."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from target_healthcare.__main__ import prepare_database
from target_healthcare.database import create_pool
from target_healthcare.errors import NotExpired, RowsReferenced, RunConflict, RunDeleted, RunNotFound, TargetError
from target_healthcare.ledger import WRITER_LOCK, DeleteAnswer, Ledger, SeedRequest, read_seed
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from tests.unit.target_healthcare.bundles import OTHER_SHA, SHA, Row, Tables, denied_claim, seed_body
from tests.unit.target_healthcare.conftest import settings_for

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]
TABLES = ("plan", "provider", "member", "eligibility", "claim")
RACES = int(os.environ.get("RACES", "300"))


def request(run_id: str, sha: str = SHA, ttl_seconds: int | None = None) -> SeedRequest:
    """A seed of the five rows of a denied claim."""
    return read_seed(msgspec.json.encode(seed_body(run_id, sha, ttl_seconds)))


def request_of(tables: Tables) -> SeedRequest:
    """A seed of any rows."""
    return read_seed(msgspec.json.encode({"bundle_sha": SHA, "tables": tables}))


def count(sql: Sql, run_id: str) -> int:
    """How many rows of the run there are in all tables."""
    parts = " UNION ALL ".join(f"SELECT test_run_id FROM {table}" for table in TABLES)
    row = sql.execute(f"SELECT count(*) FROM ({parts}) rows WHERE test_run_id = %s".encode(), [run_id]).fetchone()
    assert row is not None
    return int(str(row[0]))


async def test_a_seed_writes_rows_and_entry_in_one_transaction(ledger: Ledger, sql: Sql) -> None:
    """All five rows and the ledger entry carry the same transaction id."""
    answer, written = await ledger.seed("r", request("r"))

    parts = " UNION ALL ".join(f"SELECT xmin::text FROM {table}" for table in ("atdm_run", *TABLES))
    transactions = sql.execute(f"SELECT DISTINCT xmin FROM ({parts}) rows WHERE xmin <> '0'".encode()).fetchall()
    assert written
    assert answer.row_counts == dict.fromkeys(TABLES, 1)
    assert len(transactions) == 1
    assert count(sql, "r") == 5


async def test_the_same_bundle_again_writes_nothing(ledger: Ledger, sql: Sql) -> None:
    """A repeated seed gets the same answer and no second row."""
    first, _ = await ledger.seed("r", request("r"))
    again, written = await ledger.seed("r", request("r"))

    assert not written
    assert again == first
    assert count(sql, "r") == 5


async def test_another_bundle_under_the_id_is_a_conflict(ledger: Ledger) -> None:
    """A run id stands for one bundle."""
    await ledger.seed("r", request("r"))

    with pytest.raises(RunConflict):
        await ledger.seed("r", request("r", OTHER_SHA))


async def test_a_violation_in_the_last_table_leaves_nothing(ledger: Ledger, sql: Sql) -> None:
    """Rows before the bad one and the ledger entry are undone with it, and the id stays free."""
    tables = denied_claim("r")
    tables["claim"][0]["denial_reason"] = None

    with pytest.raises(CheckViolation) as caught:
        await ledger.seed("r", request_of(tables))

    assert caught.value.diag.constraint_name == "claim_denial_reason_required"
    assert count(sql, "r") == 0
    with pytest.raises(RunNotFound):
        await ledger.describe("r")
    assert (await ledger.seed("r", request("r")))[1]


async def test_a_taken_row_key_is_no_run_conflict(ledger: Ledger, sql: Sql) -> None:
    """A duplicate key among the rows undoes the seed and is told apart from a duplicate run."""
    await ledger.seed("r", request("r"))
    tables = denied_claim("s")
    tables["plan"][0]["plan_id"] = "plan-r"

    with pytest.raises(UniqueViolation) as caught:
        await ledger.seed("s", request_of(tables))

    assert caught.value.diag.table_name == "plan"
    assert count(sql, "s") == 0


async def test_the_expiry_is_the_database_s_clock(ledger: Ledger) -> None:
    """`expires_at` is created_at plus the time to live; without one there is no expiry."""
    first, _ = await ledger.seed("r", request("r", ttl_seconds=3600))
    await ledger.seed("s", request("s"))

    mortal, immortal = await ledger.describe("r"), await ledger.describe("s")
    assert mortal.expires_at is not None
    assert mortal.expires_at == first.expires_at
    assert (mortal.expires_at - mortal.created_at).total_seconds() == 3600
    assert immortal.expires_at is None


async def test_a_delete_reaches_its_run_only(ledger: Ledger, sql: Sql) -> None:
    """The rows of the run go, those of others and the shared codes stay."""
    await ledger.seed("r", request("r"))
    await ledger.seed("s", request("s"))

    answer = await ledger.delete("r")

    assert answer.previous_state == "seeded"
    assert answer.deleted_counts == dict.fromkeys(TABLES, 1) | {"procedure_code": 0, "diagnosis_code": 0}
    assert (count(sql, "r"), count(sql, "s")) == (0, 5)
    assert sql.execute("SELECT count(*) FROM procedure_code").fetchone() == (4,)


async def test_deleting_again_is_harmless(ledger: Ledger) -> None:
    """The second delete finds the tombstone and no rows."""
    await ledger.seed("r", request("r"))
    await ledger.delete("r")

    again = await ledger.delete("r")

    assert again.previous_state == "deleted"
    assert set(again.deleted_counts.values()) == {0}


async def test_a_deleted_run_cannot_be_seeded_again(ledger: Ledger, sql: Sql) -> None:
    """A late seed meets the tombstone, also when the run was never seeded before."""
    await ledger.seed("r", request("r"))
    await ledger.delete("r")
    assert (await ledger.delete("never")).previous_state is None

    for run_id in ("r", "never"):
        with pytest.raises(RunDeleted):
            await ledger.seed(run_id, request(run_id))
        assert count(sql, run_id) == 0
    assert (await ledger.describe("r")).bundle_sha == SHA
    assert (await ledger.describe("never")).bundle_sha is None


async def test_a_delete_that_others_forbid_changes_nothing(ledger: Ledger, sql: Sql) -> None:
    """When another run's row points at a plan, the delete names it and undoes the rest."""
    await ledger.seed("r", request("r"))
    tables = denied_claim("s")
    tables["member"][0]["plan_id"] = "plan-r"
    await ledger.seed("s", request_of(tables))

    with pytest.raises(RowsReferenced) as caught:
        await ledger.delete("r")

    assert caught.value.details["table"] == "member"
    assert caught.value.details["residue"] == [
        {"table": "member", "key": {"member_id": "m-s"}, "reason": "references", "deleted": False}
    ]
    assert count(sql, "r") == 5
    assert (await ledger.describe("r")).state == "seeded"


async def test_rows_are_counted_now(ledger: Ledger, sql: Sql) -> None:
    """A description counts the rows there are, not those that were sent."""
    await ledger.seed("r", request("r"))
    sql.execute("DELETE FROM claim")

    described = await ledger.describe("r")

    assert described.row_counts["claim"] == 0
    assert described.row_counts["member"] == 1


async def test_runs_are_listed_by_id_in_pages(ledger: Ledger) -> None:
    """Ids come in byte order, after a given one, of one state if asked."""
    for run_id in ("b", "B", "a", "_"):
        await ledger.seed(run_id, request(run_id))
    await ledger.delete("a")

    async def ids(state: str | None = None, after: str | None = None, limit: int = 100) -> list[str]:
        listed = await ledger.list_runs(state, after, limit)  # pyright: ignore[reportArgumentType]
        return [run.run_id for run in listed.runs]

    assert await ids() == ["B", "_", "a", "b"]
    assert await ids(after="_") == ["a", "b"]
    assert await ids(limit=1) == ["B"]
    assert await ids(state="deleted") == ["a"]


async def test_an_exclusive_lock_keeps_writers_out(ledger: Ledger, sql: Sql) -> None:
    """Seeds and deletes wait while somebody holds the writer lock for himself, and share it among themselves."""
    sql.execute("SELECT pg_advisory_lock(%s)", [WRITER_LOCK])
    seed, delete = asyncio.create_task(ledger.seed("r", request("r"))), asyncio.create_task(ledger.delete("s"))

    async with asyncio.timeout(10):
        while sql.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (2,):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert count(sql, "r") == 0
    sql.execute("SELECT pg_advisory_unlock(%s)", [WRITER_LOCK])
    async with asyncio.timeout(10):
        await asyncio.gather(seed, delete)

    assert count(sql, "r") == 5


async def test_a_deferred_constraint_fails_like_any_other(empty_database: str, tmp_path: Path) -> None:
    """A foreign key that is only checked at commit still names itself and undoes the seed."""
    (tmp_path / "0001_t.sql").write_text(
        "CREATE TABLE a (id text PRIMARY KEY, b text CONSTRAINT b_exists REFERENCES a DEFERRABLE INITIALLY DEFERRED,"
        " test_run_id text)"
    )
    settings = settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path))
    prepare_database(settings)
    async with create_pool(settings) as pool:
        ledger = Ledger(pool, read_schema(read_migrations(tmp_path)))

        with pytest.raises(ForeignKeyViolation) as caught:
            await ledger.seed("r", request_of({"a": [{"id": "1", "b": "none", "test_run_id": "r"}]}))
        assert caught.value.diag.constraint_name == "b_exists"
        with pytest.raises(RunNotFound):
            await ledger.describe("r")
        pair: list[Row] = [{"id": "1", "b": "2", "test_run_id": "r"}, {"id": "2", "b": "1", "test_run_id": "r"}]
        await ledger.seed("r", request_of({"a": pair}))
        assert (await ledger.delete("r")).deleted_counts == {"a": 2}


async def test_refusals_do_not_spoil_the_connection(database: str) -> None:
    """However often seeds are refused on a connection, the next one on it succeeds."""
    settings = settings_for(database, TARGET_POOL_SIZE="1")
    async with create_pool(settings) as pool:
        ledger = Ledger(pool, read_schema(read_migrations(settings.migrations)))
        await ledger.seed("r", request("r"))
        for number in range(12):
            assert not (await ledger.seed("r", request("r")))[1]
            assert (await ledger.seed(f"r-{number}", request(f"r-{number}")))[1]


async def test_races_leave_no_orphan(ledger: Ledger, sql: Sql) -> None:
    """Seed, its repeat or another bundle, delete and expiry at once: rows exist exactly where the ledger says so."""
    order = random.Random(1)
    runs = [f"race-{number}" for number in range(RACES)]
    gate = asyncio.Semaphore(4)

    async def attempt(act: Callable[[], Awaitable[object]]) -> object:
        try:
            return await act()
        except TargetError as refusal:
            return refusal

    async def race(run_id: str) -> list[object]:
        # No time to live at all: due as soon as it is there.
        seed = msgspec.structs.replace(request(run_id), ttl_seconds=order.choice([0, None]))
        other = msgspec.structs.replace(seed, bundle_sha=order.choice([SHA, OTHER_SHA]))
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: ledger.seed(run_id, seed),
            lambda: ledger.seed(run_id, other),
            lambda: ledger.expire(run_id),
            *([lambda: ledger.delete(run_id)] if order.random() < 0.7 else []),
        ]
        order.shuffle(acts)
        async with gate:
            return await asyncio.gather(*map(attempt, acts))

    outcomes = await asyncio.gather(*map(race, runs))

    assert {type(outcome) for each in outcomes for outcome in each} >= {
        RunConflict,
        RunDeleted,
        NotExpired,
        DeleteAnswer,
        tuple,
    }
    states = {str(run_id): state for run_id, state in sql.execute("SELECT run_id, state FROM atdm_run")}
    for run_id in runs:
        assert count(sql, run_id) == (5 if states[run_id] == "seeded" else 0), run_id
    assert {"seeded", "deleted"} == set(states.values())
