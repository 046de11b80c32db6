"""Lost answers: what the client asks again, how often, and what it leaves alone."""

import contextlib
import time

import pytest

from atdm import calls
from atdm.calls import Call
from atdm.client import AtdmClient
from atdm.errors import AtdmClientError, AtdmUnexpectedAnswer, AtdmUnreachable
from atdm.exchange import LOST_ANSWERS, Patience
from tests.unit.atdm.fake_api import FakeApi, refusal


def test_a_lost_answer_to_a_request_is_asked_again(api: FakeApi) -> None:
    """The request is sent again under the same key, so the run that was seeded is answered and no other is made."""
    api.to_lose = 2
    with AtdmClient(api.url, api.token) as client:
        run = client.request_scenario("active_member_clean")

    assert list(api.live) == [run["test_run_id"]]
    assert len({exchange.headers["idempotency-key"] for exchange in api.exchanges}) == 1
    assert len(api.exchanges) == 3


def test_each_request_has_a_key_of_its_own(api: FakeApi) -> None:
    """Two equal requests are two runs, unless the caller gives them one key."""
    with AtdmClient(api.url, api.token) as client:
        runs = [client.request_scenario("active_member_clean", idempotency_key=key) for key in (None, None, "k", "k")]

    assert len({run["test_run_id"] for run in runs}) == 3


def test_a_lost_answer_to_a_read_or_reset_is_asked_again(api: FakeApi) -> None:
    """Reads and the reset of a run survive a broken connection; the repeated reset says that it is done."""
    with AtdmClient(api.url, api.token) as client:
        run = client.request_scenario("active_member_clean")
        api.to_lose = 1
        assert client.get_audit(run["test_run_id"])["run_id"] == run["test_run_id"]
        api.to_lose = 1
        assert client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])["status"] == "already_cleaned"


@pytest.mark.parametrize("method", ["reset_all", "baseline_snapshot", "baseline_restore"])
def test_what_cannot_be_repeated_is_sent_once(api: FakeApi, method: str) -> None:
    """A lost answer to a strategy is an error that says it may have been carried out."""
    api.to_lose = 1
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmUnreachable, match="may have been") as caught:
        getattr(client, method)()

    assert caught.value.unsure
    assert len(api.exchanges) == 1


def test_repetition_ends(api: FakeApi) -> None:
    """After three repetitions the loss is told, with the key under which the run can be found."""
    api.to_lose = 100
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmUnreachable, match="key build-7"):
        _ = client.request_scenario("active_member_clean", idempotency_key="build-7")

    assert len(api.exchanges) == 1 + LOST_ANSWERS


def test_a_request_still_at_work_is_waited_for(api: FakeApi) -> None:
    """When the first request under the key has not finished, the client asks until it has."""
    api.to_lose, api.in_progress = 1, 4
    with AtdmClient(api.url, api.token) as client:
        run = client.request_scenario("active_member_clean")

    assert list(api.live) == [run["test_run_id"]]


def test_waiting_for_a_request_at_work_is_bounded(api: FakeApi) -> None:
    """The client's timeout bounds the whole wait, repetitions included."""
    api.to_lose, api.in_progress = 1, 1000
    started = time.monotonic()
    with AtdmClient(api.url, api.token, timeout=0.5) as client, pytest.raises(AtdmClientError, match="IN_PROGRESS"):
        _ = client.request_scenario("active_member_clean")

    assert time.monotonic() - started < 2


def test_nothing_listening_is_told_at_once() -> None:
    """Where nobody answers at all, repeating would only keep a person waiting."""
    with AtdmClient("http://127.0.0.1:1", timeout=10) as client, pytest.raises(AtdmUnreachable) as caught:
        _ = client.get_scenarios()

    assert not caught.value.unsure


@pytest.mark.parametrize("status", [400, 409, 422, 500, 502, 503])
def test_a_refused_request_is_not_repeated(api: FakeApi, status: int) -> None:
    """A refusal of the API is final, because under its key the same answer would come again."""
    api.answers["POST", "/"] = (status, refusal("REFUSED", "no"))
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmClientError) as caught:
        _ = client.request_scenario("active_member_clean")

    assert (len(api.exchanges), caught.value.unsure) == (1, False)


@pytest.mark.parametrize(("status", "times"), [(500, 1), (503, 4), (404, 1)])
def test_a_read_is_repeated_while_the_store_is_away(api: FakeApi, status: int, times: int) -> None:
    """Reads are sent again where the answer may change by itself, and only there."""
    api.answers["GET", "/"] = (status, refusal("STORE_UNAVAILABLE", "the store is away"))
    with AtdmClient(api.url) as client, pytest.raises(AtdmClientError):
        _ = client.get_scenarios()

    assert len(api.exchanges) == times


def test_the_page_of_a_gateway_leaves_a_request_unsure(api: FakeApi) -> None:
    """A proxy that gave up does not know what the server did, so the request is sent again under its key."""
    api.answers["POST", "/"] = (504, "<html>gateway timeout</html>")
    with AtdmClient(api.url, api.token) as client, pytest.raises(AtdmUnexpectedAnswer) as caught:
        _ = client.request_scenario("active_member_clean")

    assert (len(api.exchanges), caught.value.unsure) == (4, True)


def test_pauses_grow_are_drawn_and_stay_within_the_bound() -> None:
    """Each pause is drawn from the upper half of a bound that doubles up to two seconds, and never passes the end."""
    now = 0.0
    busy = AtdmClientError("busy", code="REQUEST_IN_PROGRESS", status=409)
    patience = Patience(calls.request_scenario("a"), 20, clock=lambda: now, draw=lambda: 0.5)
    pauses = [0.0]
    with contextlib.suppress(AtdmClientError):
        while True:
            pauses.append(patience.pause(busy))
            now += pauses[-1]

    assert [round(pause, 3) for pause in pauses[1:7]] == [0.075, 0.15, 0.3, 0.6, 1.2, 1.5]
    assert 18 < sum(pauses) < 20


@pytest.mark.parametrize("call", [calls.reset_all(), calls.request_scenario("a"), calls.get_scenarios()])
def test_what_a_busy_server_did_not_look_at_is_sent_again(call: Call[object]) -> None:
    """A server that was too busy has done nothing, so whatever it was is sent again until there is no time left."""
    now = 0.0
    busy = AtdmClientError("busy", code="TOO_MANY_REQUESTS", status=429)
    patience = Patience(call, 20, clock=lambda: now, draw=lambda: 0.5)
    with contextlib.suppress(AtdmClientError):
        while True:
            now += patience.pause(busy)
    assert 18 < now < 20
