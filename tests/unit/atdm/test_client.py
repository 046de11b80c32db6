"""The client against a fake API over real sockets."""

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

import atdm
from atdm.client import AtdmClient
from atdm.errors import AtdmClientError, AtdmSettingsError, AtdmUnexpectedAnswer, AtdmUnreachable
from atdm.settings import DEFAULT_API_URL, read_settings
from tests.unit.atdm.fake_api import FakeApi, refusal


def closed_port() -> int:
    """A port that was free a moment ago, so that nothing listens on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_scenario_is_seeded_and_reset(api: FakeApi) -> None:
    """The answer carries the run's id and token, and these two reset it; again is harmless."""
    with AtdmClient(api.url, api.token) as client:
        run = client.request_scenario("active_member_clean", constraints={"member_status": "active"})
        token = run["cleanup"]["cleanup_token"]

        assert run["data"]["member_id"] == f"m-{run['test_run_id']}"
        assert client.reset_run(run["test_run_id"], token).get("deleted_counts") == {"claim": 1, "member": 1}
        assert client.reset_run(run["test_run_id"], token)["status"] == "already_cleaned"


def test_only_what_was_asked_is_sent(api: FakeApi) -> None:
    """A request without options names the scenario and how to deliver it, nothing that could be a wrong default."""
    with AtdmClient(api.url, api.token) as client:
        _ = client.request_scenario("active_member_clean")

    assert api.exchanges[0].body == {
        "scenario": "active_member_clean",
        "delivery": {
            "seed_target": True,
            "return_playwright_fixture": False,
            "return_pytest_fixture": False,
            "return_records": False,
        },
    }
    assert len(api.exchanges[0].headers["idempotency-key"]) == 32


def test_every_option_arrives_under_its_contract_name(api: FakeApi) -> None:
    """Options reach the API as the contract spells them, a date as ISO 8601, zero as zero."""
    with AtdmClient(api.url, api.token, invoker="agent:planner-1") as client:
        run = client.request_scenario(
            "active_member_clean",
            constraints={"member_status": "inactive"},
            domain="healthcare",
            seed=0,
            as_of=date(2026, 2, 28),
            ttl_seconds=60,
            seed_target=False,
            return_records=True,
            return_playwright_fixture=True,
            return_pytest_fixture=True,
            idempotency_key="build-7",
        )

    sent = api.exchanges[0]
    assert sent.body == {
        "scenario": "active_member_clean",
        "constraints": {"member_status": "inactive"},
        "domain": "healthcare",
        "seed": 0,
        "as_of": "2026-02-28",
        "ttl_seconds": 60,
        "delivery": {
            "seed_target": False,
            "return_playwright_fixture": True,
            "return_pytest_fixture": True,
            "return_records": True,
        },
    }
    assert sent.headers["idempotency-key"] == "build-7"
    assert sent.headers["x-atdm-invoker"] == "agent:planner-1"
    assert run.get("records") == {"member": [{"member_id": f"m-{run['test_run_id']}", "plan_id": None}]}


def test_reads(api: FakeApi) -> None:
    """Trail, scenarios and runs come back as the API says them; list_runs sends only the filters that were given."""
    with AtdmClient(api.url, api.token) as client:
        run_id = client.request_scenario("active_member_clean")["test_run_id"]

        assert client.get_audit(run_id)["run_id"] == run_id
        assert client.get_scenarios()["scenarios"][0]["scenario_id"] == "active_member_clean"
        assert [run["test_run_id"] for run in client.list_runs(scenario="active_member_clean", limit=5)["runs"]] == [
            run_id
        ]
        assert api.exchanges[-1].query == {"scenario": ["active_member_clean"], "limit": ["5"]}
        assert client.audit_url(run_id) == f"{api.url}/ui/audit/{run_id}"


def test_connections_are_reused(api: FakeApi) -> None:
    """Twenty calls of one client travel over one connection."""
    with AtdmClient(api.url, api.token) as client:
        for _ in range(20):
            _ = client.get_scenarios()

    assert (len(api.exchanges), api.connections) == (20, 1)


def test_threads_may_share_a_client(api: FakeApi) -> None:
    """Eight threads on one client get eight runs, each with its own id."""
    with AtdmClient(api.url, api.token) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(client.request_scenario, ["active_member_clean"] * 8))

    assert len({answer["test_run_id"] for answer in answers}) == 8


def test_the_invoker_is_the_user_of_the_machine_by_default(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an invoker the login name is sent, in characters that a header can carry."""
    monkeypatch.setenv("LOGNAME", "zoë")
    with AtdmClient(api.url) as client:
        _ = client.get_scenarios()

    assert api.exchanges[0].headers["x-atdm-invoker"] == "human:zo?"


def test_a_refusal_carries_status_code_details_and_body(api: FakeApi) -> None:
    """What the API says in its error object is what the exception holds."""
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmClientError) as caught:
        _ = client.request_scenario("active_member_clean", constraints={"member_status": "blue"})

    error = caught.value
    assert (error.status, error.code) == (422, "INVALID_CONSTRAINT")
    assert error.details == {"allowed": ["active", "inactive"]}
    assert error.as_json() == error.body == refusal(error.code, error.message, allowed=["active", "inactive"])
    assert error.untold_details() == ["allowed: active, inactive"]


def test_a_detail_that_the_message_tells_is_not_told_twice() -> None:
    """A list that the sentence already spells out does not follow it again."""
    told = AtdmClientError("no scenario 'x'; known: a, b", code="X", details={"known": ["a", "b"], "scenario": "x"})

    assert told.untold_details() == []


def test_a_refusal_names_its_run(api: FakeApi) -> None:
    """A run that was rejected or undone is known by its id, so that its trail can be read."""
    body: dict[str, object] = {
        "error": {
            "code": "SEED_FAILED",
            "message": "the target refused",
            "details": {},
            "test_run_id": "01RUN",
        }
    }
    api.answers["POST", "/test-data/requests"] = (502, body)
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmClientError) as caught:
        _ = client.request_scenario("active_member_clean")

    assert caught.value.test_run_id == "01RUN"


@pytest.mark.parametrize(
    ("status", "body"), [(502, "<html>bad gateway</html>"), (200, "hello"), (404, {"detail": "no"})]
)
def test_an_answer_of_something_else_is_told_apart(api: FakeApi, status: int, body: object) -> None:
    """A proxy's page or another service's JSON is neither a success nor a refusal by ATDM."""
    api.answers["GET", "/"] = (status, body)
    with (
        AtdmClient(api.url) as client,
        pytest.raises(AtdmUnexpectedAnswer, match="check ATDM_API_URL") as caught,
    ):
        _ = client.get_scenarios()

    assert caught.value.status == status


def test_nothing_listening_is_unreachable() -> None:
    """A refused connection is one line with the address, where it came from, and what to do."""
    url = f"http://127.0.0.1:{closed_port()}"
    with AtdmClient(url) as client, pytest.raises(AtdmUnreachable) as caught:
        _ = client.get_scenarios()

    assert caught.value.status is None
    assert url in str(caught.value)
    assert "the api_url argument" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_request_without_an_answer_may_have_been_carried_out(api: FakeApi) -> None:
    """When the wait ends on a request that writes, the error says so; on a read it does not."""
    release = threading.Event()
    answer = api.answer
    api.answer = lambda exchange: (release.wait(10), answer(exchange))[1]  # type: ignore[method-assign]
    with AtdmClient(api.url, api.token, timeout=0.2) as client:
        with pytest.raises(AtdmUnreachable, match="may have been carried out"):
            _ = client.request_scenario("active_member_clean")
        with pytest.raises(AtdmUnreachable, match="try again"):
            _ = client.get_scenarios()
        release.set()


def test_ids_cannot_leave_their_place_in_the_path(api: FakeApi) -> None:
    """A run id with slashes or dots asks for that id, not for another route."""
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmClientError, match="RUN_NOT_FOUND"):
        _ = client.get_audit("../../catalog/scenarios")

    assert api.exchanges[0].path == "/audit/runs/..%2F..%2Fcatalog%2Fscenarios"


def test_settings_come_from_arguments_then_environment_then_default() -> None:
    """Each source counts only where the one before says nothing; a trailing slash and newline do not matter."""
    environ = {"ATDM_API_URL": "http://ci:1/", "ATDM_API_TOKEN": "secret\n"}

    assert read_settings("http://mine:2", "own", environ).api_url == "http://mine:2"
    assert read_settings(environ=environ).api_url == "http://ci:1"
    assert read_settings(environ=environ).api_token == "secret"
    assert read_settings(environ={}).api_url == DEFAULT_API_URL
    assert "secret" not in repr(read_settings(environ=environ))


def test_a_local_stack_gives_address_and_token_together(tmp_path: Path) -> None:
    """The stack file counts only when the environment names neither, so its token meets no other address."""
    stack = {"api_url": "http://127.0.0.1:5", "api_token": "local"}
    (tmp_path / ".atdm").mkdir()
    _ = (tmp_path / ".atdm" / "stack.json").write_text(json.dumps(stack))

    found = read_settings(environ={})
    assert (found.api_url, found.api_token) == ("http://127.0.0.1:5", "local")
    assert read_settings(environ={"ATDM_API_URL": "http://ci:1"}).api_token is None
    assert read_settings(environ={"ATDM_API_TOKEN": "t"}).api_url == DEFAULT_API_URL
    assert read_settings(environ={"ATDM_HOME": str(tmp_path / "elsewhere")}).api_url == DEFAULT_API_URL


@pytest.mark.parametrize("content", ["{", "[]", '{"api_url": "http://x"}'])
def test_a_broken_stack_file_is_named(tmp_path: Path, content: str) -> None:
    """A stack file that cannot be used is an error with its path, never a silent default."""
    (tmp_path / ".atdm").mkdir()
    _ = (tmp_path / ".atdm" / "stack.json").write_text(content)

    with pytest.raises(AtdmSettingsError, match=r"stack\.json"):
        _ = read_settings(environ={})


@pytest.mark.parametrize("url", ["localhost:18001", "ftp://x", "http://", "http://x:99999"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    """A mistyped address is found before anything is sent, with the name of the setting."""
    with pytest.raises(AtdmSettingsError, match="ATDM_API_URL"):
        _ = read_settings(environ={"ATDM_API_URL": url})


def test_a_token_that_no_header_can_carry_is_refused() -> None:
    """A token with a line break inside or letters beyond ASCII is told as such, without showing it."""
    with pytest.raises(AtdmSettingsError) as caught:
        _ = read_settings(environ={"ATDM_API_TOKEN": "se\ncret"})

    assert "cret" not in str(caught.value)


def test_the_library_needs_neither_cli_nor_pytest() -> None:
    """Importing the client loads httpx2 and nothing of cyclopts, rich or pytest; the bare package not even that."""
    code = (
        "import sys, atdm\n"
        "assert 'httpx2' not in sys.modules\n"
        "atdm.AtdmClient\n"
        "loaded = {'cyclopts', 'rich', 'pytest'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_of_the_package_is_there() -> None:
    """Each name of `__all__` resolves, the lazy ones included; an unknown one is an AttributeError."""
    assert all(hasattr(atdm, name) for name in atdm.__all__)
    assert atdm.AtdmClient is AtdmClient
    assert not hasattr(atdm, "AtdmManager")


def test_strategies_send_what_the_contract_says(api: FakeApi) -> None:
    """Only reset_all confirms, and a baseline without an id leaves the choice to the server."""
    with AtdmClient(api.url, api.token) as client:
        assert client.reset_all()["deleted_counts"] == {"member": 2, "plan": 0}
        assert client.baseline_snapshot("one")["baseline_id"] == "one"
        assert client.baseline_restore()["restored_at"]
        assert client.baseline_list()["baselines"][0]["baseline_id"] == "before"

    assert [exchange.headers.get("x-confirm") for exchange in api.exchanges] == ["yes", None, None, None]
    assert [exchange.body for exchange in api.exchanges] == [{}, {"baseline_id": "one"}, {}, {}]


def test_another_timeout_over_the_same_connection(api: FakeApi) -> None:
    """with_timeout gives a client that shares connections and waits as long as it is told."""
    with AtdmClient(api.url, api.token) as client:
        _ = client.get_scenarios()
        _ = client.with_timeout(1).get_scenarios()
        release = threading.Event()
        api.answer = lambda exchange: (404, release.wait(10))  # type: ignore[method-assign]
        with pytest.raises(AtdmUnreachable):
            _ = client.with_timeout(0.1).get_scenarios()
        release.set()

    assert api.connections == 1
