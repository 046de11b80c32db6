"""The time of a run, by the database's clock: told, extended, up; and who wins when two are at it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import msgspec
import psycopg
import pytest

from target_healthcare.errors import NotExpired, RunDeleted, RunNotFound
from target_healthcare.ledger import DeleteAnswer, Ledger, SeedRequest, read_seed
from tests.unit.target_healthcare.bundles import SHA, seed_body

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]


def request(run_id: str, ttl_seconds: int | None = 60) -> SeedRequest:
    """A seed that lives for a while."""
    return read_seed(msgspec.json.encode(seed_body(run_id, SHA, ttl_seconds)))


def overdue(sql: Sql, run_id: str, seconds: int = 1) -> None:
    """Let the time of a run be up since so long."""
    sql.execute(
        "UPDATE atdm_run SET expires_at = now() - make_interval(secs => %s) WHERE run_id = %s", [seconds, run_id]
    )


def clock(sql: Sql) -> datetime:
    """What time it is in the database."""
    row = sql.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    assert isinstance(row[0], datetime)
    return row[0]


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that only the database can tell, at most ten seconds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_overdue_runs_are_listed_the_longest_first(ledger: Ledger, sql: Sql) -> None:
    """Only seeded runs whose time is up are listed, as many as asked for."""
    for run_id in ("early", "late", "alive", "deleted", "immortal"):
        await ledger.seed(run_id, request(run_id, None if run_id == "immortal" else 60))
    for seconds, run_id in enumerate(("late", "early", "deleted"), start=1):
        overdue(sql, run_id, seconds)
    await ledger.delete("deleted")

    assert [run.run_id for run in (await ledger.list_expired(10)).runs] == ["early", "late"]
    assert [run.run_id for run in (await ledger.list_expired(1)).runs] == ["early"]


async def test_overdue_runs_are_found_by_an_index(ledger: Ledger, sql: Sql) -> None:
    """However many tombstones there are, looking for overdue runs reads none of them."""
    sql.execute("INSERT INTO atdm_run SELECT 'r' || n, NULL, 'deleted' FROM generate_series(1, 10000) AS n")
    sql.execute("ANALYZE atdm_run")
    query = "SELECT run_id FROM atdm_run WHERE state = 'seeded' AND expires_at <= now() ORDER BY expires_at LIMIT 10"

    plan = sql.execute(f"EXPLAIN {query}".encode()).fetchall()

    assert "atdm_run_expiry" in str(plan)


async def test_an_extension_counts_from_now(ledger: Ledger, sql: Sql) -> None:
    """The new time is the database's clock plus the time to live, longer or shorter than it was."""
    await ledger.seed("r", request("r", 3600))

    for ttl_seconds in (7200, 10):
        before = clock(sql)
        expires_at = (await ledger.extend("r", ttl_seconds)).expires_at
        after = clock(sql)
        assert before.timestamp() <= expires_at.timestamp() - ttl_seconds <= after.timestamp()
        assert (await ledger.describe("r")).expires_at == expires_at
    assert (await ledger.seed("r", request("r", 3600)))[0].expires_at == expires_at


async def test_only_living_runs_are_extended(ledger: Ledger) -> None:
    """A deleted run stays deleted, and an unknown one unknown."""
    await ledger.seed("r", request("r"))
    await ledger.delete("r")

    with pytest.raises(RunDeleted):
        await ledger.extend("r", 60)
    with pytest.raises(RunNotFound):
        await ledger.extend("none", 60)
    with pytest.raises(RunNotFound):
        await ledger.describe("none")


async def test_who_never_had_a_time_never_expires(ledger: Ledger) -> None:
    """Neither a run without a time, living or deleted, nor one that was never seeded, is due."""
    await ledger.seed("r", request("r", None))
    await ledger.delete("never")

    for run_id in ("r", "never", "unknown"):
        with pytest.raises(NotExpired):
            await ledger.expire(run_id)
    await ledger.delete("r")
    with pytest.raises(NotExpired):
        await ledger.expire("r")


async def test_a_reset_run_that_had_a_time_counts_as_expired(ledger: Ledger) -> None:
    """Whoever comes to expire it is told that it is deleted, also before its time was up."""
    await ledger.seed("r", request("r"))
    await ledger.delete("r")

    answer = await ledger.expire("r")

    assert (answer.previous_state, set(answer.deleted_counts.values())) == ("deleted", {0})


async def test_two_reapers_do_not_wait_for_each_other(ledger: Ledger, sql: Sql) -> None:
    """A run that somebody else has in hand is left to them at once."""
    await ledger.seed("r", request("r"))
    overdue(sql, "r")

    with sql.transaction():
        sql.execute("SELECT FROM atdm_run WHERE run_id = 'r' FOR UPDATE")
        async with asyncio.timeout(5):
            with pytest.raises(NotExpired):
                await ledger.expire("r")

    assert (await ledger.expire("r")).previous_state == "seeded"


async def test_an_extension_before_the_lock_saves_the_run(ledger: Ledger, sql: Sql) -> None:
    """An expiry that finds the run extended, or being extended, leaves every row."""
    await ledger.seed("r", request("r"))
    overdue(sql, "r")

    with sql.transaction():
        sql.execute("UPDATE atdm_run SET expires_at = now() + interval '1 hour' WHERE run_id = 'r'")
        with pytest.raises(NotExpired):
            await ledger.expire("r")
    with pytest.raises(NotExpired):
        await ledger.expire("r")

    assert (await ledger.describe("r")).row_counts["claim"] == 1


async def test_an_extension_after_the_lock_is_too_late(ledger: Ledger, sql: Sql) -> None:
    """An extension that had to wait for the expiry hears that the run is deleted."""
    await ledger.seed("r", request("r"))
    with sql.transaction():
        sql.execute("UPDATE atdm_run SET state = 'deleted' WHERE run_id = 'r'")
        extension = asyncio.create_task(ledger.extend("r", 60))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await until(lambda: sql.execute(waiting).fetchone() == (1,))

    with pytest.raises(RunDeleted):
        await extension


async def test_extensions_race_with_expiry(ledger: Ledger, sql: Sql) -> None:
    """Whoever comes first wins: an extended run keeps all its rows, an expired one none and cannot be extended."""
    runs = [f"race-{number}" for number in range(100)]

    async def race(run_id: str) -> tuple[object, object]:
        await ledger.seed(run_id, msgspec.structs.replace(request(run_id), ttl_seconds=0))
        acts = [ledger.extend(run_id, 60), ledger.expire(run_id)]
        first, second = await asyncio.gather(*(acts if len(run_id) % 2 else reversed(acts)), return_exceptions=True)
        return (first, second) if len(run_id) % 2 else (second, first)

    for run_id in runs:
        extended, expired = await race(run_id)
        described = await ledger.describe(run_id)
        is_whole = described.row_counts["claim"] == 1
        assert is_whole == (described.state == "seeded")
        if is_whole:
            assert isinstance(expired, NotExpired)
            assert not isinstance(extended, BaseException)
        else:
            assert isinstance(expired, DeleteAnswer)
            assert isinstance(extended, RunDeleted)
