"""The atdm command: the real application in process, and once as a process of its own."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from atdm import __version__
from atdm.cli import app, main
from scripts.write_cli_reference import PAGE, reference
from tests.unit.atdm.fake_api import Exchange, FakeApi

Captured = pytest.CaptureFixture[str]
PROGRAM = str(Path(sys.executable).with_name("atdm"))


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
    assert {run_id, f"m-{run_id}", "7", f"{configured_api.url}/ui/audit/{run_id}"} <= set(out.split())
    (command,) = [line.split(maxsplit=2)[2] for line in out.splitlines() if line.startswith("clean up")]
    code, out, _ = run(capsys, *command.split()[1:])
    assert (code, "2 rows (claim 1, member 1) deleted" in out) == (0, True)
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


def test_constraints_may_be_typed(configured_api: FakeApi, capsys: Captured) -> None:
    """key=value is text whatever it looks like; key:=value is the JSON value, text with an equals sign included."""
    words = ["a=1", "b:=1", "c:=true", "d:=null", 'e:=["x=y"]', "f=x:=y", "g=", "h:i=z"]
    _ = run(capsys, "request", "x", *(part for word in words for part in ("-c", word)))

    assert configured_api.exchanges[0].body["constraints"] == {
        "a": "1",
        "b": 1,
        "c": True,
        "d": None,
        "e": ["x=y"],
        "f": "x:=y",
        "g": "",
        "h:i": "z",
    }


def test_strategies_are_told_with_their_trail(configured_api: FakeApi, capsys: Captured) -> None:
    """What a strategy moved is told by table, empty tables left out, with the page of its own trail."""
    page = f"{configured_api.url}/ui/audit/strategy-any-01FAKE"
    _, out, _ = run(capsys, "reset-all", "--confirm")
    assert out == f"2 rows (member 2) deleted\ntrail     {page}\n"
    _, out, _ = run(capsys, "baseline-snapshot", "--baseline-id", "mine")
    assert out.splitlines() == ["mine  3 rows (member 3)", "captured  2026-11-22T00:00:00Z", f"trail     {page}"]
    _, out, _ = run(capsys, "baseline-restore")
    assert out.startswith("before  3 rows (member 3) restored\n")
    _, out, _ = run(capsys, "baseline-list")
    assert out.splitlines()[1].split() == ["before", "2026-11-22T00:00:00Z", "3"]
    configured_api.answers["GET", "/test-data"] = (200, {"baselines": []})
    assert run(capsys, "baseline-list")[1] == "no baselines; `atdm baseline-snapshot` takes one\n"


def test_packs_are_listed_with_the_broken_ones(configured_api: FakeApi, capsys: Captured) -> None:
    """Each pack tells what it offers, and one that cannot be loaded tells why."""
    _, out, _ = run(capsys, "packs")
    assert "healthcare" in out
    assert "No module named 'atdm_commerce'" in out
    _, out, _ = run(capsys, "packs", "-o", "json")
    assert json.loads(out) == {
        "packs": [
            {
                "domain": "healthcare",
                "scenarios": ["active_member_clean"],
                "constraints": ["member_status", "denial_reason"],
            }
        ],
        "broken_packs": {"commerce": "No module named 'atdm_commerce'"},
    }


def test_runs_are_filtered_by_the_server(configured_api: FakeApi, capsys: Captured) -> None:
    """Every filter reaches the API, a day as the moment it begins in this machine's time zone."""
    _ = run(capsys, "runs", "--scenario", "a", "--status", "cleaned", "--since", "2026-11-01", "--limit", "3")

    query = configured_api.exchanges[0].query
    assert query == {"scenario": ["a"], "status": ["cleaned"], "limit": ["3"], "since": [query["since"][0]]}
    since = datetime.fromisoformat(query["since"][0])
    assert since.tzinfo is not None
    assert since == datetime(2026, 11, 1).astimezone()


@pytest.mark.parametrize("words", ["atdm baseline-", "atdm runs --st", "atdm completion f"])
def test_bash_completes(words: str, capsys: Captured, tmp_path: Path) -> None:
    """The printed script makes a real bash complete commands, options and choices, without any server."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    code, script, _ = run(capsys, "completion", "bash")
    typed = words.split()
    ask = f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _atdm; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    _ = (tmp_path / "complete.sh").write_text(script + ask)
    done = subprocess.run([bash, "complete.sh"], capture_output=True, check=False, text=True, timeout=30)

    assert (code, done.stderr) == (0, "")
    expected = {"baseline-": "baseline-list", "--st": "--status", "f": "fish"}
    assert expected[typed[-1]] in done.stdout.split()


def test_a_person_at_a_terminal_sees_what_is_waited_for(configured_api: FakeApi) -> None:
    """While the answer takes its time a line on the terminal says so, and it is gone when the answer is there."""
    release = threading.Event()
    answer = configured_api.answer
    configured_api.answer = lambda exchange: (release.wait(30), answer(exchange))[1]  # type: ignore[method-assign]
    keeper, terminal = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "request", "active_member_clean"], stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as program:
        os.close(terminal)
        told = b""
        while b"seeding active_member_clean" not in told:
            told += os.read(keeper, 1024)
        release.set()
        out, _ = program.communicate(timeout=30)
    os.close(keeper)

    assert "seeding" not in out
    assert "clean up" in out


def test_an_interrupt_is_one_line(configured_api: FakeApi) -> None:
    """Ctrl-C while waiting ends with 130 and says what may have happened, without a traceback."""
    release, asked = threading.Event(), threading.Event()

    def answer(_: Exchange) -> tuple[int, object]:
        asked.set()
        return 200, {"released": release.wait(30)}

    configured_api.answer = answer  # type: ignore[method-assign]
    command = [PROGRAM, "request", "active_member_clean"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert asked.wait(30)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)
        release.set()

    assert (program.returncode, out, err.count("\n")) == (130, "", 1)
    assert "look at `atdm runs`" in err


def test_the_reference_page_is_that_of_the_program() -> None:
    """docs/reference/cli.md tells every command and option as the program has them now."""
    assert PAGE.read_text(encoding="utf-8") == reference(), "run .venv/bin/python -m scripts.write_cli_reference"


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
        (["request", "x", "-c", "a=1", "-c", "a:=2"], "more than once"),
        (["request", "x", "-c", "a:=yes"], "not JSON"),
        (["reset-all"], "--confirm"),
        (["reset-all", "--confirm=false"], "--confirm"),
        (["runs", "--status", "done"], '"rolled_back"'),
        (["runs", "--since", "lately"], "--since"),
        (["completion", "tcsh"], '"fish"'),
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


@pytest.mark.parametrize("command", [name for name in app if not name.startswith("-")])
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
        [PROGRAM, "-o", "json", "request", "active_member_clean"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["test_run_id"] in configured_api.live
