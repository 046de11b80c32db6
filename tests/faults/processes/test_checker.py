"""The checker itself: it would not be worth much if it found nothing."""

import psycopg
import pytest
from psycopg import sql

from tests.faults.processes.checker import kept_rows, settle
from tests.faults.processes.clients import Book, Client, Habits, Told
from tests.faults.processes.cluster import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAST, FIRST = "claim", "plan"


async def test_what_is_broken_is_found(cluster: Cluster) -> None:
    """A row that is gone, one that is left over, one that was edited and a run that nobody recorded are all told."""
    book = Book()
    client = Client("client", list(cluster.urls.values()), book, Habits(), 0)
    one, two, three = [told for _ in range(3) if (told := await client.request(None))]
    kept = await kept_rows(cluster, [two.run_id])
    (await settle(cluster, book, kept, 20.0)).require()
    await client.reset(three)
    book.runs["made-up"] = Told("made-up", "token", "head", None)
    async with await psycopg.AsyncConnection.connect(cluster.dsn) as connection:
        where = sql.SQL(" WHERE test_run_id = %s")
        await connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(LAST)) + where, [one.run_id])
        await connection.execute(
            sql.SQL("UPDATE {} SET name = 'FAKE_x'").format(sql.Identifier(FIRST)) + where, [two.run_id]
        )
        row = "INSERT INTO plan (plan_id, name, coverage_type, effective_date, test_run_id) VALUES (%s, %s, %s, %s, %s)"
        await connection.execute(row, ["left-over", "FAKE_x", "hmo", "2026-01-01", three.run_id])
        code = "INSERT INTO procedure_code (code, description, is_valid, test_run_id) VALUES ('X', 'x', true, %s)"
        await connection.execute(code, ["a-stranger"])
    verdict = await settle(cluster, book, kept, 0.0)
    for run_id in (one.run_id, two.run_id, three.run_id, "made-up", "a-stranger"):
        assert any(run_id in problem for problem in verdict.problems), run_id
    assert f"the rows of {two.run_id} are not what they were" in verdict.problems
    async with await psycopg.AsyncConnection.connect(cluster.dsn) as connection:
        await connection.execute("DELETE FROM plan WHERE plan_id = 'left-over'")
        await connection.execute("DELETE FROM procedure_code WHERE code = 'X'")
    await client.reset(one)
    await client.reset(two)
    del book.runs["made-up"]
    (await settle(cluster, book, {}, 20.0)).require()
    await client.close()
