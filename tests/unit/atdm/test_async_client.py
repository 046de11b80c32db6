"""The asynchronous client: the same calls as the blocking one, awaited."""

import asyncio
import inspect
from collections.abc import Callable

import pytest

from atdm import AsyncAtdmClient, AtdmClient
from atdm.errors import AtdmClientError, AtdmUnreachable
from tests.unit.atdm.fake_api import FakeApi


def public(client: type[object]) -> dict[str, Callable[..., object]]:
    """The public methods of a client by name."""
    return {name: method for name, method in vars(client).items() if inspect.isfunction(method) and name[0] != "_"}


def test_both_clients_offer_the_same() -> None:
    """Every method of the one exists in the other, with the same parameters and the same answer."""
    blocking, awaited = public(AtdmClient), public(AsyncAtdmClient)

    assert list(blocking) == list(awaited)
    for name, method in blocking.items():
        one, other = inspect.signature(method), inspect.signature(awaited[name])
        assert one.parameters == other.parameters, name
        if inspect.isgeneratorfunction(method):
            assert inspect.isasyncgenfunction(awaited[name]), name
        else:
            assert one == other, name
            assert inspect.iscoroutinefunction(awaited[name]), name


async def test_a_scenario_is_seeded_read_and_reset(api: FakeApi) -> None:
    """The whole life of a run over one connection."""
    async with AsyncAtdmClient(api.url, api.token, invoker="agent:a") as client:
        run = await client.request_scenario("active_member_clean", constraints={"member_status": "active"}, seed=7)
        assert run["seed"] == 7
        assert (await client.get_audit(run["test_run_id"]))["run_id"] == run["test_run_id"]
        assert (await client.list_runs(limit=1))["runs"][0]["test_run_id"] == run["test_run_id"]
        answer = await client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])
        assert answer["status"] == "cleaned"
        assert client.audit_url("01RUN") == f"{api.url}/ui/audit/01RUN"

    assert api.connections == 1
    assert api.exchanges[0].headers["x-atdm-invoker"] == "agent:a"


async def test_strategies(api: FakeApi) -> None:
    """Strategies send what the contract says."""
    async with AsyncAtdmClient(api.url, api.token) as client:
        assert (await client.reset_all())["cleared_record_count"] == 2
        assert (await client.baseline_snapshot("one"))["baseline_id"] == "one"
        assert (await client.baseline_restore())["baseline_id"] == "before"
        assert [entry["baseline_id"] for entry in (await client.baseline_list())["baselines"]] == ["before"]
        assert (await client.get_scenarios())["scenarios"]


async def test_requests_run_side_by_side(api: FakeApi) -> None:
    """Ten requests at once are ten runs."""
    async with AsyncAtdmClient(api.url, api.token) as client:
        runs = await asyncio.gather(*(client.request_scenario("active_member_clean") for _ in range(10)))

    assert len({run["test_run_id"] for run in runs}) == 10


async def test_errors_and_repetition_are_those_of_the_blocking_client(api: FakeApi) -> None:
    """A lost answer is asked again, a refusal is raised, and nobody listening is unreachable."""
    api.to_lose = 1
    async with AsyncAtdmClient(api.url, api.token) as client:
        _ = await client.request_scenario("active_member_clean")
        assert api.runs == 1
        with pytest.raises(AtdmClientError, match="INVALID_CONSTRAINT"):
            _ = await client.request_scenario("active_member_clean", constraints={"member_status": "blue"})
    async with AsyncAtdmClient("http://127.0.0.1:1") as client:
        with pytest.raises(AtdmUnreachable, match="cannot reach ATDM"):
            _ = await client.get_scenarios()


async def test_a_volume_is_followed(api: FakeApi) -> None:
    """A volume is begun and told of until it is there, also when the telling breaks off in between."""
    api.breaks_off = True
    async with AsyncAtdmClient(api.url, api.token) as client:
        volume = await client.create_volume("healthcare", {"active_member_clean": 1}, 6, ttl_seconds=60)
        words = [word async for word in client.follow_volume(volume["test_run_id"])]
        assert [word["status"] for word in words] == ["open", "open", "ready"]
        api.fails = True
        with pytest.raises(AtdmClientError, match="SEED_FAILED: the target refused"):
            _ = [word async for word in client.follow_volume(volume["test_run_id"])]
        with pytest.raises(AtdmClientError, match="RUN_NOT_FOUND"):
            _ = [word async for word in client.follow_volume("nobody")]
