"""The atdm command: the real application in process, and once as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from atdm import __version__
from atdm.cli import main
from tests.unit.atdm.fake_api import FakeApi

Captured = pytest.CaptureFixture[str]


def run(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def test_request_prints_what_a_person_needs_next(configured_api: FakeApi, capsys: Captured) -> None:
    """Human output has the ids, the seed, the trail's address and a cleanup command that works when pasted."""
    code, out, _ = run(capsys, "request", "active_member_clean", "-c", "member_status=active", "--seed", "7")
    (run_id,) = configured_api.live

    assert code == 0
    assert {run_id, f"m-{run_id}", "7", f"{configured_api.url}/audit/runs/{run_id}"} <= set(out.split())
    (command,) = [line.split(maxsplit=2)[2] for line in out.splitlines() if line.startswith("clean up")]
    code, out, _ = run(capsys, *command.split()[1:])
    assert (code, "2 rows deleted: claim 1, member 1" in out) == (0, True)
    assert configured_api.live == {run_id: "cleaned"}


@pytest.mark.parametrize("token", ["-_Qx7", "-ojson", "--token", "-hQ"])
def test_a_token_may_begin_with_a_hyphen(configured_api: FakeApi, capsys: Captured, token: str) -> None:
    """Cleanup tokens are URL-safe base64, so the word after --token is the token whatever it looks like."""
    _ = run(capsys, "reset", "01RUN", "--token", token)

    assert configured_api.exchanges[0].body == {"cleanup_token": token}


def test_request_sends_its_options(configured_api: FakeApi, capsys: Captured) -> None:
    """Each option of the command line reaches the API; constraint values stay text."""
    options = ["-c", "procedure_code=00000", "--constraint=claim_status=denied", "--domain", "healthcare"]
    more = [
        "--as-of",
        "2026-02-28",
        "--ttl",
        "60",
        "--records",
        "--playwright",
        "--pytest",
        "--no-seed-target",
    ]
    code, out, _ = run(capsys, "request", "claim_denial_active_member", *options, *more)

    assert code == 0
    assert configured_api.exchanges[0].body == {
        "scenario": "claim_denial_active_member",
        "constraints": {"procedure_code": "00000", "claim_status": "denied"},
        "domain": "healthcare",
        "as_of": "2026-02-28",
        "ttl_seconds": 60,
        "delivery": {
            "seed_target": False,
            "return_playwright_fixture": True,
            "return_pytest_fixture": True,
            "return_records": True,
        },
    }
    assert "plan_id" in out  # the records are shown


@pytest.mark.parametrize("place", ["before", "after"])
def test_json_output_is_the_answer_of_the_api(configured_api: FakeApi, capsys: Captured, place: str) -> None:
    """-o json may stand before or after the command and prints exactly what the API said."""
    words = ["-o", "json", "scenarios"] if place == "before" else ["scenarios", "-o", "json"]
    code, out, err = run(capsys, *words)

    assert (code, err) == (0, "")
    assert json.loads(out)["scenarios"][0]["scenario_id"] == "active_member_clean"
    assert json.loads(out) == configured_api.answer(configured_api.exchanges[0])[1]


def test_reads_are_shown_as_tables(configured_api: FakeApi, capsys: Captured) -> None:
    """Scenarios, runs and trail show their content as it is, brackets included, one row a line when piped."""
    _ = run(capsys, "request", "active_member_clean")
    (run_id,) = configured_api.live

    _, out, _ = run(capsys, "scenarios")
    assert "An active member with a paid claim [inside the window]." in out
    assert "active, inactive" in out
    _, out, _ = run(capsys, "runs", "--limit", "1")
    assert any(run_id in line and "active_member_clean" in line for line in out.splitlines())
    _, out, _ = run(capsys, "audit", run_id)
    assert {"request_received", "temporal.window", f"m-{run_id}"} <= set(out.split())


def test_no_runs_is_said(configured_api: FakeApi, capsys: Captured) -> None:
    """An empty list is told in words."""
    assert not configured_api.live
    assert run(capsys, "runs") == (0, "no such runs\n", "")


def test_a_refusal_is_one_line_and_exit_1(configured_api: FakeApi, capsys: Captured) -> None:
    """The code, the message and what is allowed go to stderr, nothing to stdout."""
    assert configured_api.runs == 0
    assert run(capsys, "request", "active_member_clean", "-c", "member_status=blue") == (
        1,
        "",
        "atdm: INVALID_CONSTRAINT: member_status cannot be 'blue' (allowed: active, inactive)\n",
    )


def test_a_refusal_for_programs_is_json(configured_api: FakeApi, capsys: Captured) -> None:
    """With -o json the error on stderr is the API's own error object."""
    code, out, err = run(capsys, "-o", "json", "audit", "nope")

    assert (code, out) == (1, "")
    assert json.loads(err) == configured_api.answer(configured_api.exchanges[0])[1]


def test_unreachable_is_exit_3(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing listens, one line says where it looked and what to do."""
    monkeypatch.setenv("ATDM_API_URL", "http://127.0.0.1:1")
    code, out, err = run(capsys, "scenarios")

    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "http://127.0.0.1:1 (from ATDM_API_URL)" in err
    code, _, err = run(capsys, "scenarios", "-o", "json")
    assert (code, json.loads(err)["error"]["code"]) == (3, "UNREACHABLE")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["request", "x", "-c", "member_status"], "key=value"),
        (["request", "x", "-c", "=active"], "key=value"),
        (["request", "x", "-c", "a=1", "-c", "a=2"], "more than once"),
        (["request"], "SCENARIO"),
        (["reset", "01RUN"], "--token"),
        (["reqest", "x"], 'Did you mean "request"'),
        (["request", "x", "--colour"], "--colour"),
        (["request", "x", "--as-of", "yesterday"], "date"),
        (["-o", "xml", "scenarios"], '"json"'),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    configured_api: FakeApi, capsys: Captured, words: list[str], says: str
) -> None:
    """A command line that cannot be meant says what is wrong and sends nothing."""
    code, out, err = run(capsys, *words)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("atdm: ")
    assert says in err
    assert configured_api.exchanges == []


def test_bad_settings_are_usage_errors(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is none exits with 2, and --help and --version work all the same."""
    monkeypatch.setenv("ATDM_API_URL", "nonsense")

    assert run(capsys, "scenarios")[0] == 2
    assert run(capsys, "--help")[0] == 0
    assert run(capsys, "--version")[:2] == (0, f"{__version__}\n")


@pytest.mark.parametrize("command", ["request", "reset", "audit", "scenarios", "runs"])
def test_help_shows_an_example(capsys: Captured, command: str) -> None:
    """The help of every command ends in an example that fits a line of a small terminal."""
    code, out, _ = run(capsys, command, "--help")
    examples = [line for line in out.splitlines() if line.startswith("Example:  atdm")]

    assert code == 0
    assert len(examples) == 1
    assert command in examples[0]


def test_the_installed_program(configured_api: FakeApi) -> None:
    """As a process of its own, the program writes clean JSON to a pipe and exits 0."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("atdm")), "-o", "json", "request", "active_member_clean"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["test_run_id"] in configured_api.live
