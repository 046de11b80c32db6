"""`atdm volume`, as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from atdm.cli import main

MIX = "active_member_clean=70,claim_denial_active_member=30"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code of the command and what it told."""
    with pytest.raises(SystemExit) as exit_:
        main(["volume", *words])
    assert isinstance(exit_.value.code, int)
    out, err = capsys.readouterr()
    return exit_.value.code, out, err


def asked(place: Path, *more: str, mix: str = MIX, count: int = 1000) -> list[str]:
    """The words that ask for a volume."""
    return ["healthcare", "--mix", mix, "--count", str(count), "--to", str(place), *more]


def test_a_volume_is_made_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command tells where the rows are, how many, how fast, what makes them again, and their digest."""
    code, out, err = run(capsys, *asked(tmp_path / "rows", "--seed", "7", "--as-of", "2026-07-04", "--run", "R1"))
    assert (code, err) == (0, "")
    assert out.startswith(f"{(tmp_path / 'rows').as_uri()}  1,000 bundles, 5,000 rows\nclaim 1,000  eligibility 1,000")
    assert "\nrun R1, seed 7, as of 2026-07-04\ndigest " in out
    manifest: dict[str, Any] = json.loads((tmp_path / "rows" / "manifest.json").read_bytes())
    assert out.endswith(f"digest {manifest['digest']}\n")


def test_the_same_command_again_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was not said the first time is as it was then, and a finished volume is told again."""
    _, out, _ = run(capsys, *asked(tmp_path, "--shard-size", "300", "-o", "json"))
    first: dict[str, Any] = json.loads(out)
    _, out, _ = run(capsys, *asked(tmp_path, "-o", "json"))
    again: dict[str, Any] = json.loads(out)
    assert {**again, "seconds": None} == {**first, "seconds": None}
    assert first["rows"]["claim"] == 1000
    assert first["volume"]["mix"] == {"active_member_clean": 70, "claim_denial_active_member": 30}
    assert "4 shards were there already" in run(capsys, *asked(tmp_path))[1]


def test_the_same_words_give_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With seed, day and run a volume is the same anywhere, in any number of processes."""
    fixed = ("--seed", "7", "--as-of", "2026-07-04", "--run", "R1", "--shard-size", "250", "-o", "json")
    digests = [
        json.loads(run(capsys, *asked(tmp_path / workers, *fixed, "--workers", workers))[1])["digest"]
        for workers in ("1", "2")
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("mix", "told"),
    [
        ("active_member_clean", "--mix: 'active_member_clean' is not SCENARIO=WEIGHT"),
        ("active_member_clean=0", "each weight above 0"),
        ("active_member_clean=1,active_member_clean=2", "each scenario once"),
        ("", "'' is not SCENARIO=WEIGHT"),
        ("no_such=1", "SCENARIO_NOT_FOUND: healthcare has no scenario 'no_such'; it has: active_member_clean,"),
    ],
)
def test_a_wrong_mixture_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], mix: str, told: str) -> None:
    """A mixture that cannot be meant is refused with what it should be, before anything is written."""
    code, out, err = run(capsys, *asked(tmp_path / "rows", mix=mix))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--count", "0"], "Expected `int` >= 1 - at `$.count`"),
        (["--seed", "-1"], "`$.seed`"),
        (["--shard-size", "0"], "`$.shard_size`"),
        (["--run", "../up"], "is not an id"),
        (["--workers", "0"], "--workers"),
        (["--to", "gs://bucket"], "use the path of a folder, or s3://bucket/prefix"),
    ],
)
def test_wrong_options_are_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    """An option that cannot be meant is refused by its name, before anything is written."""
    options = {"--mix": MIX, "--count": "10", "--to": str(tmp_path / "rows")} | {words[0]: words[1]}
    code, out, err = run(capsys, "healthcare", *(word for option in options.items() for word in option))
    assert (code, out) == (2, "")
    assert told in err
    assert not (tmp_path / "rows").exists()


def test_errors_are_json_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown pack is an error object with what is installed."""
    words = ["nothing", "--mix", MIX, "--count", "1", "--to", str(tmp_path / "rows"), "-o", "json"]
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "installed: " in json.loads(err)["error"]["message"]


def test_a_store_that_does_not_answer_is_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be reached is told as that."""
    (tmp_path / "file").write_text("Dear")
    code, _, err = run(capsys, *asked(tmp_path / "file" / "rows"))
    assert (code, err.count("\n")) == (3, 1)
    assert "cannot be used" in err
