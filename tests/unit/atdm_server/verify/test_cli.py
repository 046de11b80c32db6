"""`atdm verify` and `atdm checkpoint`, through the `atdm` program that finds them by entry point."""

import asyncio
import json
from pathlib import Path

import pytest

from atdm.cli import main
from atdm_core.parquet import Signer
from atdm_server.store.signing import load_signer
from tests.recorded_runs import RecordedRuns
from tests.signing_keys import a_key_pair

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedRuns:
    """A store with a run that was reset, and one that is not ended."""
    monkeypatch.delenv("ATDM_STORE_URL", raising=False)
    monkeypatch.delenv("ATDM_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATDM_HOME", str(tmp_path / ".atdm"))
    return asyncio.run(record(tmp_path / "store"))


async def record(folder: Path, signer: Signer | None = None) -> RecordedRuns:
    """Make the store."""
    runs = RecordedRuns(folder, signer)
    await runs.ready("01A")
    await runs.reset("01A")
    await runs.begun("01B")
    await runs.close()
    return runs


def run(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def spoil(runs: RecordedRuns) -> str:
    """Damage an object; its key."""
    key = "atdm-audit/parts/01A/000001.parquet"
    runs.path(key).write_bytes(b"nonsense")
    return key


def test_a_clean_store(runs: RecordedRuns, capsys: Captured) -> None:
    """A store in order is told in two lines and a line for each run that is open, and the exit code is 0."""
    for arguments in ((), ("--all",)):
        code, out, err = run(capsys, "verify", "--store", runs.url, *arguments)
        first, opened, last = out.splitlines()
        assert (code, err, last) == (0, "", "nothing is wrong")
        assert "2 runs with 9 entries" in first
        assert opened.startswith("open   01B: ")


def test_a_damaged_store(runs: RecordedRuns, capsys: Captured) -> None:
    """What is wrong is told with its place, and the exit code is 1."""
    key = spoil(runs)
    code, out, _ = run(capsys, "verify", "--store", runs.url)
    assert code == 1
    assert f"WRONG  {key}: not a readable trail" in out
    assert out.splitlines()[-1] == "1 wrong"
    assert run(capsys, "verify", "--store", runs.url, "--run", "01A")[0] == 1
    assert run(capsys, "verify", "--store", runs.url, "--run", "01B")[0] == 0


def test_json(runs: RecordedRuns, capsys: Captured) -> None:
    """For programs the whole report is one JSON object, whether the form is asked for before or after the command."""
    key = spoil(runs)
    code, out, _ = run(capsys, "-o", "json", "verify", "--store", runs.url)
    report = json.loads(out)
    assert (code, report["ok"], report["problem_count"]) == (1, False, 1)
    assert report["problems"][0]["key"] == key
    assert report["open_runs"][0]["run_id"] == "01B"
    assert json.loads(run(capsys, "verify", "--store", runs.url, "-o", "json")[1]) == report


def test_where_the_store_is(runs: RecordedRuns, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is the local stack's, unless the environment names one, unless an option does."""
    stack = runs.folder.parent / ".atdm/stack.json"
    stack.parent.mkdir()
    stack.write_text(json.dumps({"object_store_url": runs.url}))
    assert run(capsys, "verify")[1].startswith(runs.url)
    monkeypatch.setenv("ATDM_STORE_URL", "file:///nowhere")
    assert "file:///nowhere" in run(capsys, "verify")[2]
    assert run(capsys, "verify", "--store", runs.url)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("verify",), "which store"),
        (("verify", "--store", "folder"), "use file:///folder"),
        (("verify", "--store", "STORE", "--run", "01A", "--all"), "exclude one another"),
        (("verify", "--store", "STORE", "--run", "../x"), "is not an id"),
        (("verify", "--store", "file:///nowhere/at/all"), "there is nothing at"),
        (("verify", "--store", "STORE", "--checkpoint", "nowhere"), "nowhere"),
        (("verify", "--store", "STORE", "--public-key", "nowhere"), "nowhere"),
        (("checkpoint", "--store", "STORE", "--out", "no/such/folder/file"), "no/such/folder/file"),
        (("checkpoint", "--store", "file:///nowhere/at/all"), "there is nothing at"),
    ],
)
def test_usage(runs: RecordedRuns, capsys: Captured, arguments: tuple[str, ...], told: str) -> None:
    """What cannot be meant is one line on stderr, and exit code 2."""
    code, out, err = run(capsys, *(runs.url if word == "STORE" else word for word in arguments))
    assert (code, out) == (2, "")
    assert told in err


def test_a_store_out_of_reach(runs: RecordedRuns, capsys: Captured) -> None:
    """A store that cannot be read is exit code 3, and the error is an object where programs listen."""
    (runs.folder / "atdm-audit/loop").symlink_to("loop")
    assert run(capsys, "verify", "--store", runs.url)[0] == 3
    code, _, err = run(capsys, "-o", "json", "verify", "--store", runs.url)
    assert (code, json.loads(err)["error"]["code"]) == (3, "STORE_UNAVAILABLE")


def test_checkpoint_and_back(runs: RecordedRuns, capsys: Captured) -> None:
    """A checkpoint finds what was cut off since, and nothing when only more was written."""
    code, out, _ = run(capsys, "checkpoint", "--store", runs.url, "--out", "kept")
    assert (code, out) == (0, "kept  1 logs, 1 runs\n")
    assert run(capsys, "verify", "--store", runs.url, "--checkpoint", "kept")[0] == 0
    last = runs.path(runs.stored("atdm-audit/segments")[-1])
    data = last.read_bytes()
    last.unlink()
    code, out, _ = run(capsys, "verify", "--store", runs.url, "--checkpoint", "kept")
    assert code == 1
    assert "cut_off" in out
    last.write_bytes(data)
    asyncio.run(RecordedRuns(runs.folder).denied("01A"))
    assert run(capsys, "verify", "--store", runs.url, "--checkpoint", "kept")[0] == 0


def test_checkpoint_to_stdout(runs: RecordedRuns, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Without a file the checkpoint goes to stdout, and nothing else does."""
    with pytest.raises(SystemExit) as exit_:
        main(("checkpoint", "--store", runs.url))
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert exit_.value.code == 0
    assert [line["kind"] for line in lines] == ["checkpoint", "log", "run", "end"]


def test_no_checkpoint_of_a_damaged_store(runs: RecordedRuns, capsys: Captured) -> None:
    """What is wrong already is told, and nothing is written that would make it the measure."""
    spoil(runs)
    code, out, err = run(capsys, "checkpoint", "--store", runs.url, "--out", "kept")
    assert (code, out) == (1, "")
    assert "WRONG" in err
    assert not Path("kept").exists()


def test_public_key(runs: RecordedRuns, capsys: Captured) -> None:
    """With a public key, segments that are not signed are wrong; several keys are given one by one."""
    _, public = a_key_pair(runs.folder.parent, "ours")
    private, other = a_key_pair(runs.folder.parent, "theirs")
    ours, both = ("--public-key", str(public)), ("--public-key", str(public), "--public-key", str(other))
    code, out, _ = run(capsys, "verify", "--store", runs.url, *ours)
    assert code == 1
    assert "(signature)" in out
    signed = asyncio.run(record(runs.folder.parent / "signed", load_signer(private)))
    assert run(capsys, "verify", "--store", signed.url, *ours)[0] == 1
    assert run(capsys, "verify", "--store", signed.url, *both)[0] == 0
