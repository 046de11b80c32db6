"""Volumes into the target, by the client and by the command."""

import json
from importlib.metadata import EntryPoints

import pytest

from atdm import AtdmClient, volume_command
from atdm.cli import main
from atdm.errors import AtdmClientError
from tests.unit.atdm.fake_api import FakeApi, refusal

MIX = "active_member_clean=70,claim_denial_active_member=30"
WORDS = ["healthcare", "--mix", MIX, "--count", "6", "--to", "target"]


@pytest.fixture
def program(api: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Program":
    """The command, which asks the fake API."""
    monkeypatch.setenv("ATDM_API_URL", api.url)
    monkeypatch.setenv("ATDM_API_TOKEN", api.token)
    return Program(capsys)


class Program:
    """`atdm volume`, as it is typed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """The exit code and what it told."""
        with pytest.raises(SystemExit) as exit_:
            main(["volume", *words])
        assert isinstance(exit_.value.code, int)
        out, err = self._capsys.readouterr()
        return exit_.value.code, out, err


def test_a_volume_is_begun_and_followed(api: FakeApi) -> None:
    """What is asked for is sent, and the words about it come one by one, over a stream that may break off."""
    api.breaks_off = True
    with AtdmClient(api.url, api.token) as client:
        volume = client.create_volume("healthcare", {"active_member_clean": 1}, 6, seed=7, as_of="2026-07-04")
        words = list(client.follow_volume(volume["test_run_id"]))
        assert client.reset_run(volume["test_run_id"], volume["cleanup"]["cleanup_token"])["status"] == "cleaned"
    assert api.exchanges[0].body == {
        "domain": "healthcare",
        "mix": {"active_member_clean": 1},
        "count": 6,
        "seed": 7,
        "as_of": "2026-07-04",
    }
    assert [(word["status"], word.get("bundles")) for word in words] == [("open", 3), ("open", 3), ("ready", 6)]


def test_a_volume_that_fails_is_an_error(api: FakeApi) -> None:
    """The last word of a volume that failed is raised, with code, details and run, and is not asked for again."""
    api.fails = True
    with AtdmClient(api.url, api.token) as client:
        volume = client.create_volume("healthcare", {"active_member_clean": 1}, 6)
        with pytest.raises(AtdmClientError) as error:
            list(client.follow_volume(volume["test_run_id"]))
    assert (error.value.code, error.value.details) == ("SEED_FAILED", {"table": "member"})
    assert error.value.test_run_id == volume["test_run_id"]
    assert len(api.exchanges) == 2


def test_a_lost_answer_is_asked_for_again(api: FakeApi) -> None:
    """A volume whose answer was lost is asked for under its key again, and is not begun a second time."""
    api.to_lose = 1
    with AtdmClient(api.url, api.token) as client:
        client.create_volume("healthcare", {"active_member_clean": 1}, 6)
        assert (api.runs, len({exchange.headers["idempotency-key"] for exchange in api.exchanges})) == (1, 1)
        first = client.create_volume("healthcare", {"active_member_clean": 1}, 6, idempotency_key="mine")
        again = client.create_volume("healthcare", {"active_member_clean": 1}, 6, idempotency_key="mine")
    assert (first, api.runs) == (again, 2)


def test_a_busy_server_is_waited_for_in_time(api: FakeApi) -> None:
    """A server that makes another volume is asked again until the client's time is up."""
    api.answers["POST", "/test-data/volumes"] = (429, refusal("TOO_MANY_REQUESTS", "busy"))
    with AtdmClient(api.url, api.token, timeout=0.3) as client, pytest.raises(AtdmClientError, match="TOO_MANY"):
        client.create_volume("healthcare", {"active_member_clean": 1}, 6)
    assert len(api.exchanges) > 1


def test_the_command_tells_what_was_written(api: FakeApi, program: Program) -> None:
    """It tells the run, the rows, the speed, what makes them again, the trail, and how to clean up."""
    code, out, err = program(*WORDS, "--seed", "7", "--ttl", "60")
    assert (code, err) == (0, "")
    assert out.startswith("01FAKE00000000000000000001  ready  6 bundles, 30 rows in ")
    assert "rows/s" in out
    assert f"digest  {'d' * 64}" in out
    assert out.rstrip().endswith("atdm reset 01FAKE00000000000000000001 --token token-01FAKE00000000000000000001")
    assert api.exchanges[0].body["mix"] == {"active_member_clean": 70, "claim_denial_active_member": 30}
    assert api.exchanges[0].body["ttl_seconds"] == 60


def test_the_command_tells_programs(program: Program) -> None:
    """With `-o json` the answer and the last word come as one object."""
    code, out, _ = program(*WORDS, "-o", "json")
    told = json.loads(out)
    assert (code, told["status"], told["row_counts"]) == (0, "ready", {"member": 30})
    assert told["cleanup"]["cleanup_token"] == "token-01FAKE00000000000000000001"


def test_the_command_fails_as_the_volume_does(api: FakeApi, program: Program) -> None:
    """A volume that failed is exit code 1, and one line."""
    api.fails = True
    code, out, err = program(*WORDS)
    assert (code, out) == (1, "")
    assert err.startswith("atdm: SEED_FAILED: the target refused")


def test_an_interruption_takes_the_volume_back(api: FakeApi, program: Program) -> None:
    """Ctrl-C resets the run that is being made, says so, and ends as interrupted programs do."""
    api.interrupts = 1
    code, out, err = program(*WORDS)
    (run_id,) = api.live
    assert (code, out, api.live[run_id]) == (130, "", "cleaned")
    assert err.splitlines() == [
        f"atdm: interrupted; taking {run_id} back",
        "atdm: nothing of it stays in the target",
    ]


def test_an_interruption_that_takes_nothing_back(api: FakeApi, program: Program) -> None:
    """Where the reset fails, or is interrupted as well, the line to reset with is told."""
    api.interrupts = 2
    code, _, err = program(*WORDS)
    (run_id,) = api.live
    line = f"atdm reset {run_id} --token token-{run_id}"
    assert (code, err.splitlines()[-1]) == (130, f"atdm: the server may go on with it; then: {line}")
    api.interrupts, api.answers = 1, {("POST", "/test-data/runs"): (503, refusal("STORE_UNAVAILABLE", "away"))}
    code, _, err = program(*WORDS)
    assert code == 130
    assert "go on with it (STORE_UNAVAILABLE: away); then: atdm reset" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*WORDS, "--run", "R1"), "--run is for files"),
        ((*WORDS, "--shard-size", "3"), "--shard-size is for files"),
        ((*WORDS[:-1], "rows", "--ttl", "3"), "--ttl is for rows in the target"),
        (("healthcare", "--mix", "x", "--count", "6", "--to", "target"), "--mix: 'x' is not SCENARIO=WEIGHT"),
        (("healthcare", "--mix", "x=1,x=2", "--count", "6", "--to", "target"), "--mix: 'x=2' is not"),
    ],
)
def test_what_cannot_be_meant(program: Program, words: tuple[str, ...], told: str) -> None:
    """Options of the other kind of volume, and a mixture that is none, are usage errors."""
    code, _, err = program(*words)
    assert code == 2
    assert told in err


def test_files_need_the_server_s_package(monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    """Where only the client is installed, volumes go into the target, and files say what to install."""

    def nothing(**_: str) -> EntryPoints:
        return EntryPoints()

    monkeypatch.setattr(volume_command, "entry_points", nothing)
    code, _, err = program(*WORDS[:-1], "rows")
    assert code == 2
    assert "comes with atdm-server; install it" in err
    assert program(*WORDS)[0] == 0
