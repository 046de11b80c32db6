"""Properties of a live system: each example stands in the target while it is looked at, and is gone afterwards."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdm import AtdmClient, AtdmExampleStale, AtdmSettingsError
from atdm.beside import resets_beside_requests
from atdm.hypothesis import LiveRun, live
from atdm.replay import example_of_run, read_example, replay, write_example
from atdm_core.errors import InvalidRequest
from atdm_core.strategies import bundles, requests
from infra.local_stack import Stack

DENIED = "claim_denial_active_member"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Generator[AtdmClient]:
    """A client of the stack."""
    with AtdmClient(stack.api_url, stack.api_token) as opened:
        yield opened


class SystemWithABug(httpx2.BaseTransport):
    """The target as its users see it, but denied claims for R51 are called pending when they came in after noon."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`."""
        answer = self._inner.handle_request(request)
        claim = json.loads(answer.read())
        afternoon = claim.get("submitted_at", "")[11:] > "12:00"
        if afternoon and claim["diagnosis_code"] == "R51" and claim["status"] == "denied":
            claim["status"] = "pending"
        return httpx2.Response(answer.status_code, json=claim)


def test_each_example_is_in_the_target_for_its_time(stack: Stack, client: AtdmClient) -> None:
    """While an example runs its claim can be read with the values it was given, and no row of any is left."""
    seen: list[str] = []
    before = client.get_digest()

    @settings(max_examples=15, deadline=None, database=None)
    @given(live(requests("healthcare", DENIED, provider_network=...), client=client))
    def claims_are_denied(run: LiveRun) -> None:
        claim = httpx2.get(f"{stack.target_url}/claims/{run.data['claim_id']}").json()
        assert claim["status"] == "denied"
        assert claim["diagnosis_code"] == run.records["claim"][0]["diagnosis_code"]
        seen.append(run.run_id)

    claims_are_denied()
    assert len(set(seen)) == 15
    assert client.get_digest() == before
    with resets_beside_requests(claims_are_denied):
        claims_are_denied()
    assert len(set(seen)) == 30
    assert client.get_digest() == before


def test_a_planted_bug_is_found_shrunk_and_kept(stack: Stack, client: AtdmClient, tmp_path: Path) -> None:
    """The smallest failing example has only the values that the bug needs, is kept as a file, and replays to them."""
    seen: list[LiveRun] = []
    with httpx2.Client(transport=SystemWithABug(), base_url=stack.target_url) as system:

        @settings(max_examples=60, deadline=None, database=None)
        @given(live(bundles("healthcare", DENIED, provider_network=...), client=client, examples=tmp_path))
        def claims_are_denied(run: LiveRun) -> None:
            seen.append(run)
            assert system.get(f"/claims/{run.data['claim_id']}").json()["status"] == "denied"

        with pytest.raises(AssertionError):
            claims_are_denied()
    # Not read from the failure: the pytest plugin of schemathesis, installed here, hides what Hypothesis shows there.
    smallest = seen[-1]
    print(f"{len(seen)} examples\n{smallest!r}")
    draws = smallest.answer["seed"]
    assert isinstance(draws, list)
    assert [each for each in draws if each] == [43_200]  # the second of noon; every other draw is 0
    assert repr(smallest).startswith(
        f"live bundle('healthcare', '{DENIED}', as_of=2000-01-01, provider_network='in_network', diagnosis_code='R51')"
    )
    assert "submitted_at=1999-12-02T12:00:00+00:00" in repr(smallest)
    file = tmp_path / "test_a_planted_bug_is_found_shrunk_and_kept.json"
    answer = replay(client, read_example(file))
    assert answer["seed"] == smallest.answer["seed"]
    claim = httpx2.get(f"{stack.target_url}/claims/{answer['data']['claim_id']}").json()
    assert claim["submitted_at"] == smallest.records["claim"][0]["submitted_at"]
    client.reset_run(answer["test_run_id"], answer["cleanup"]["cleanup_token"])


def test_what_validators_refuse_is_no_example(client: AtdmClient) -> None:
    """A request that the server's validators reject is passed over, and others are drawn."""

    class Asking:
        domain, scenario, seed, as_of = "healthcare", "active_member_clean", 7, None

        def __init__(self, status: str) -> None:
            self.constraints = {"member_status": status}

    seen: set[str] = set()

    @settings(max_examples=10, deadline=None, database=None)
    @given(live(st.sampled_from(["inactive", "active"]).map(Asking), client=client))
    def members_are_active(run: LiveRun) -> None:
        seen.add(str(run.records["member"][0]["status"]))

    members_are_active()
    assert seen == {"active"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"pack_version": "0.9.0"}, "the example was made by healthcare 0.9.0, and the server has "),
        ({"values_sha256": "0" * 64}, "makes other values of this seed than when the example was made"),
        ({"scenario": "gone"}, "and is none to the server any more: healthcare has no scenario 'gone'"),
        ({"constraints": {"colour": "red"}}, "any more: healthcare has no constraint 'colour'"),
        ({"seed": [0] * 17}, "any more: the draws of the seed do not fit: there are 17, and the bundle needs 16"),
    ],
)
def test_an_example_that_no_longer_matches_is_refused(client: AtdmClient, changed: dict[str, Any], told: str) -> None:
    """An example that would be other data now, or none, is refused with the reason and nothing is written."""
    answer = client.request_scenario(DENIED, seed=3, return_records=True, seed_target=False)
    example = example_of_run(client, answer["test_run_id"], answer)
    before = client.get_digest()
    with pytest.raises(AtdmExampleStale, match=told):
        replay(client, {**example, **changed})  # type: ignore[typeddict-item]
    assert client.get_digest() == before


def test_a_bundle_that_breaks_a_rule_is_not_sent(client: AtdmClient) -> None:
    """What the server would reject is refused at once, and not passed over example by example."""

    @settings(max_examples=5, deadline=None, database=None)
    @given(live(bundles("healthcare", DENIED, violating="domain.denial_requires_invalid_code"), client=client))
    def nothing(run: LiveRun) -> None:
        raise AssertionError(run)

    with pytest.raises(InvalidRequest, match=r"a bundle that breaks domain\..* cannot be seeded"):
        nothing()


def test_the_command_replays_a_run_and_a_file(stack: Stack, client: AtdmClient, tmp_path: Path) -> None:
    """`atdm replay` takes the id of a run, which then stands in the target twice with equal values."""
    first = client.request_scenario(DENIED, seed=5, return_records=True)
    program = [Path(sys.executable).with_name("atdm"), "-o", "json", "replay", first["test_run_id"]]
    environment = {"ATDM_API_URL": stack.api_url, "ATDM_API_TOKEN": stack.api_token}
    done = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    again = json.loads(done.stdout)
    assert again["test_run_id"] != first["test_run_id"]
    assert (again["seed"], again["as_of"]) == (5, first["as_of"])
    one, two = (httpx2.get(f"{stack.target_url}/members/{each['data']['member_id']}").json() for each in (first, again))
    assert one["first_name"] == two["first_name"]
    for each in (first, again):
        client.reset_run(each["test_run_id"], each["cleanup"]["cleanup_token"])


def test_the_command_tells_why_it_refuses(stack: Stack, client: AtdmClient, tmp_path: Path) -> None:
    """`atdm replay` of an outdated example, of a file that is none, or of no run ends with the reason on one line."""
    answer = client.request_scenario(DENIED, seed=3, return_records=True, seed_target=False)
    example = example_of_run(client, answer["test_run_id"], answer)
    write_example({**example, "seed": [0, 1]}, tmp_path / "old.json")
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    told = {
        "old.json": (1, "EXAMPLE_STALE: the example was made by healthcare "),
        "none.json": (2, "none.json is no example: it must be a JSON object with "),
        "lost.json": (2, "lost.json cannot be read as an example: "),
        "01HZX5W3M8Q7T0V2B4C6D8E0F1": (1, "RUN_NOT_FOUND: no run "),
    }
    environment = {"ATDM_API_URL": stack.api_url, "ATDM_API_TOKEN": stack.api_token}
    for named, (code, reason) in told.items():
        program = [Path(sys.executable).with_name("atdm"), "replay", named]
        done = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert reason in done.stderr
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)


def test_a_file_that_is_no_example_is_refused(tmp_path: Path) -> None:
    """A file that is missing, no JSON, or lacks a key is refused with its name."""
    file = tmp_path / "example.json"
    for content in (None, "{", "{}"):
        if content is not None:
            file.write_text(content, encoding="utf-8")
        with pytest.raises(AtdmSettingsError, match=str(file)):
            read_example(file)


def test_examples_take_the_time_of_their_requests(client: AtdmClient) -> None:
    """A hundred examples take less than twice as long as a hundred requests and resets in a plain loop."""

    @settings(max_examples=100, database=None)
    @given(live(requests("healthcare", DENIED), client=client))
    def nothing(run: LiveRun) -> None:
        assert run.data["claim_id"]

    def plain() -> None:
        for _ in range(100):
            answer = client.request_scenario(DENIED, return_records=True)
            client.reset_run(answer["test_run_id"], answer["cleanup"]["cleanup_token"])

    bare = seconds(plain)
    with resets_beside_requests(nothing):
        took = seconds(nothing)
    print(f"100 live examples: {took:.2f} s; 100 requests and resets: {bare:.2f} s; ratio {took / bare:.2f}")
    assert took < 2 * bare


def seconds(work: Callable[[], None]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
