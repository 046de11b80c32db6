"""A restore whose server or target is killed in the middle: the old state is whole, and nobody ever saw half."""

import os
import signal
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Literal

import httpx2
import psycopg
import pytest

from atdm.client import AtdmClient
from atdm.errors import AtdmClientError
from infra.local_stack import Stack, local_stack
from tests.html_page import read_page
from tests.stack.processes import alive, descendants, wait_until

CLAIMS = 150_000  # some hundred milliseconds of loading
LOST = 1_000
FILL = f"""
INSERT INTO plan VALUES ('plan-1', 'FAKE_Plan', 'ppo', '2026-01-01', 'run-1');
INSERT INTO provider VALUES ('prov-1', 'FAKE_Clinic', 'in_network', 'FAKE_1', 'run-1');
INSERT INTO member VALUES ('m-1', 'active', 'FAKE_Alice', 'FAKE_Smith', '1990-04-12', '12 FAKE_Elm Street',
    'FAKE_Town', 'ZZ', '00000', 'plan-1', 'run-1');
INSERT INTO claim SELECT 'claim-' || n, 'm-1', 'prov-1', '99213', 'R51', 'denied', '2026-01-01', 'or so', 'run-' || n
    FROM generate_series(1, {CLAIMS}) AS n;
"""
DIGEST = "SELECT count(*), md5(string_agg(claim::text, '' ORDER BY claim_id)) FROM claim"
RESTORING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'target-healthcare restore'"
LOADING = f"{RESTORING} AND query LIKE 'COPY \"claim%'"


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """A stack that may be broken, with many claims, whose servers settle soon what others left."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ATDM_REQUEST_TIMEOUT_SECONDS", "1")
        environment.setenv("ATDM_RECOVERY_SECONDS", "2")
        environment.setenv("ATDM_SWEEP_SECONDS", "1")
        with local_stack(tmp_path_factory.mktemp("killed")) as stack:
            ask(stack, FILL)
            yield stack


def ask(stack: Stack, query: str) -> list[tuple[object, ...]]:
    """The rows that PostgreSQL answers to a statement."""
    with psycopg.connect(stack.postgres_dsn, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def reading(stack: Stack) -> Generator[set[object]]:
    """Count the claims again and again while the block runs; yields the counts that were ever seen."""
    seen: set[object] = set()
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(stack.postgres_dsn, autocommit=True) as connection:
            while not done.is_set():
                seen.update(count for (count,) in connection.execute("SELECT count(*) FROM claim"))

    with ThreadPoolExecutor(1) as thread:
        reader = thread.submit(read)
        try:
            yield seen
        finally:
            done.set()
            reader.result(30)


def kill(pid: int) -> None:
    """Kill a program and its workers at once, and wait until they are gone."""
    family = [pid, *descendants(pid)]
    for each in family:
        os.kill(each, signal.SIGSTOP)  # so that none can act on the death of another
    for each in family:
        os.kill(each, signal.SIGKILL)
    wait_until(lambda: not alive(family), "their end")


@pytest.mark.parametrize("part", ["server", "target"])
def test_killed_in_the_middle(own_stack: Stack, part: Literal["server", "target"]) -> None:
    """Killed while rows are loaded: the restore fails and says so, every row is as before, and again it succeeds."""
    stack = own_stack
    with AtdmClient(api_url=stack.api_url, api_token=stack.api_token) as client:
        whole = ask(stack, DIGEST)
        client.baseline_snapshot(f"before-{part}")
        ask(stack, f"DELETE FROM claim WHERE substr(claim_id, 7)::int <= {LOST}")
        before = ask(stack, DIGEST)
        pids = stack.record().pids
        with reading(stack) as seen, ThreadPoolExecutor(1) as thread:
            restore = thread.submit(client.baseline_restore, f"before-{part}")
            wait_until(lambda: bool(ask(stack, LOADING)), "the loading of claims")
            kill(pids.server if part == "server" else pids.target)
            assert isinstance(restore.exception(30), AtdmClientError)
            wait_until(lambda: not ask(stack, RESTORING), "the end of the transaction")
            assert ask(stack, DIGEST) == before
        assert seen == {CLAIMS - LOST}
    stack.start_part(part)
    with AtdmClient(api_url=stack.api_url, api_token=stack.api_token) as client, reading(stack) as seen:
        client.baseline_restore(f"before-{part}")
        assert ask(stack, DIGEST) == whole
    assert seen <= {CLAIMS - LOST, CLAIMS}
    wait_until(lambda: [status for _, status in listed(stack)[:3]] == ["completed", "failed", "completed"], "the ends")


def listed(stack: Stack) -> list[tuple[str, str]]:
    """The strategies that the page of runs lists, with how far each came."""
    page = read_page(httpx2.get(f"{stack.api_url}/ui/runs").text)
    return [(row[0], row[1]) for row in page.table("The newest strategies")[1:]]
