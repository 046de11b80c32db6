"""Volumes into the target of a running stack: there and back, and killed in the middle."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal
from uuid import uuid4

import httpx2
import pytest

from atdm.cli import main
from atdm.client import AtdmClient
from atdm.contract import VolumeProgress
from atdm.errors import AtdmClientError
from infra.local_stack import Stack, local_stack
from tests.stack.processes import descendants, wait_until
from tests.stack.test_killed_restore import ask, kill

MIX = {"active_member_clean": 70, "claim_denial_active_member": 30}
TABLES = ("plan", "provider", "member", "eligibility", "claim")
LOADING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'target-healthcare volume'"
COPYING = f"{LOADING} AND query LIKE 'COPY \"member%'"
ROWS = " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """A stack that may be broken, whose server settles what it finds after two seconds."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ATDM_RECOVERY_SECONDS", "2")
        environment.setenv("ATDM_REQUEST_TIMEOUT_SECONDS", "1")
        environment.setenv("ATDM_SWEEP_SECONDS", "1")
        with local_stack(tmp_path_factory.mktemp("volumes")) as stack:
            yield stack


def is_whole(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether `atdm verify` finds every trail to be whole."""
    monkeypatch.setenv("ATDM_STORE_URL", stack.object_store_url)
    with pytest.raises(SystemExit) as exit_:
        main(["verify"])
    return exit_.value.code == 0


def test_there_and_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty thousand rows are written as one run, made by other processes, told of, recorded, and taken back."""
    with AtdmClient(stack.api_url, stack.api_token) as client:
        before = client.get_digest()
        key = uuid4().hex
        volume, again = (
            client.create_volume("healthcare", MIX, 12_000, as_of="2026-07-04", ttl_seconds=3600, idempotency_key=key)
            for _ in range(2)
        )
        assert again == volume
        run_id, token = volume["test_run_id"], volume["cleanup"]["cleanup_token"]
        words = list(client.follow_volume(run_id))
        counts = dict.fromkeys(TABLES, 12_000)
        assert (words[-1]["status"], words[-1].get("row_counts")) == ("ready", counts)
        assert words[-1].get("expires_at")
        assert [word.get("rows", 0) for word in words] == sorted(word.get("rows", 0) for word in words)
        statuses = ask(
            stack, f"SELECT status, count(*) FROM claim WHERE test_run_id = '{run_id}' GROUP BY 1 ORDER BY 1"
        )
        assert statuses == [("denied", 3_600), ("paid", 8_400)]
        (listed,) = client.list_runs(scenario="volume", limit=1)["runs"]
        assert (listed["test_run_id"], listed["status"]) == (run_id, "ready")
        page = httpx2.get(client.audit_url(run_id)).text
        assert '<tr><th scope="row">claim</th><td>12,000</td></tr>' in page
        assert f"atdm reset {run_id} --token TOKEN" in page
        deleted = client.reset_run(run_id, token)
        assert {table: n for table, n in deleted.get("deleted_counts", {}).items() if n} == counts
        assert deleted.get("residue") == []
        assert client.get_digest() == before
        assert client.get_audit(run_id)["status"] == "cleaned"
        assert [word["status"] for word in client.follow_volume(run_id)] == ["ready"]
    assert is_whole(stack, monkeypatch)


@pytest.mark.parametrize("part", ["server", "target"])
def test_killed_in_the_middle(
    own_stack: Stack, monkeypatch: pytest.MonkeyPatch, part: Literal["server", "target"]
) -> None:
    """Killed while the rows are copied: no row stays, its makers end, and the run is recorded as rolled back."""
    stack = own_stack
    with AtdmClient(stack.api_url, stack.api_token, timeout=5) as client, ThreadPoolExecutor(1) as thread:
        pids = stack.record().pids
        family = descendants(pids.server)
        volume = client.create_volume("healthcare", MIX, 200_000)
        run_id = volume["test_run_id"]
        following = thread.submit(_last_word, client, run_id)
        wait_until(lambda: bool(ask(stack, COPYING)), "the copying of members")
        assert descendants(pids.server) - family  # the rows are made elsewhere
        kill(pids.server if part == "server" else pids.target)
        assert isinstance(following.exception(30), AtdmClientError)
        wait_until(lambda: not ask(stack, LOADING), "the end of the transaction")
    assert ask(stack, f"SELECT {ROWS}") == [(0,)]
    stack.start_part(part)
    with AtdmClient(stack.api_url, stack.api_token) as client:
        wait_until(lambda: client.list_runs(limit=1)["runs"][0]["status"] == "rolled_back", "the rollback")
        with pytest.raises(AtdmClientError, match="SERVER_DIED" if part == "server" else "TARGET_UNREACHABLE"):
            _last_word(client, run_id)
        wait_until(
            lambda: client.get_audit(run_id)["events"][-1]["action"] == "rollback_completed", "the end of its trail"
        )
        assert ask(stack, f"SELECT {ROWS}") == [(0,)]
        again = client.create_volume("healthcare", {"active_member_clean": 1}, 10)
        assert _last_word(client, again["test_run_id"])["status"] == "ready"
        assert client.reset_run(again["test_run_id"], again["cleanup"]["cleanup_token"])["status"] == "cleaned"
    assert is_whole(stack, monkeypatch)


def test_cancelled_in_the_middle(own_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its token takes a volume back while the rows are copied: none stays, and the server is free for the next."""
    stack = own_stack
    with AtdmClient(stack.api_url, stack.api_token) as client, ThreadPoolExecutor(1) as thread:
        before = client.get_digest()
        volume = client.create_volume("healthcare", MIX, 200_000)
        run_id, token = volume["test_run_id"], volume["cleanup"]["cleanup_token"]
        following = thread.submit(_last_word, client, run_id)
        wait_until(lambda: bool(ask(stack, COPYING)), "the copying of members")
        with pytest.raises(AtdmClientError, match="TOKEN_MISMATCH"):
            client.reset_run(run_id, "another")
        assert client.reset_run(run_id, token) == {"run_id": run_id, "status": "cancelled"}
        assert client.reset_run(run_id, token)["status"] == "already_cleaned"
        assert "CANCELLED" in str(following.exception(30))
        wait_until(lambda: not ask(stack, LOADING), "the end of the transaction")
        assert client.get_digest() == before
        wait_until(
            lambda: client.get_audit(run_id)["events"][-1]["action"] == "rollback_completed", "the end of its trail"
        )
        again = client.create_volume("healthcare", {"active_member_clean": 1}, 10)
        assert _last_word(client, again["test_run_id"])["status"] == "ready"
        assert client.reset_run(again["test_run_id"], again["cleanup"]["cleanup_token"])["status"] == "cleaned"
    assert is_whole(stack, monkeypatch)


def test_a_server_that_is_stopped_undoes_its_volume(own_stack: Stack) -> None:
    """A server that is told to stop undoes the volume it makes before it ends, also while somebody follows it."""
    stack = own_stack
    with AtdmClient(stack.api_url, stack.api_token, timeout=5) as client, ThreadPoolExecutor(1) as thread:
        run_id = client.create_volume("healthcare", MIX, 200_000)["test_run_id"]
        following = thread.submit(_last_word, client, run_id)
        wait_until(lambda: bool(ask(stack, COPYING)), "the copying of members")
        stack.stop_part("server")
        assert isinstance(following.exception(30), AtdmClientError)
    stack.start_part("server")
    with AtdmClient(stack.api_url, stack.api_token) as client:
        assert client.get_audit(run_id)["status"] == "rolled_back"
        assert ask(stack, f"SELECT {ROWS}") == [(0,)]


def _last_word(client: AtdmClient, run_id: str) -> VolumeProgress:
    return list(client.follow_volume(run_id))[-1]
