"""Proof of clean on the command line: digests before and after, longer lives, what a reset found."""

import json
from pathlib import Path

import pytest

from atdm.client import AsyncAtdmClient, AtdmClient
from tests.unit.atdm.fake_api import FakeApi
from tests.unit.atdm.test_cli import Captured, run


@pytest.fixture
def before(configured_api: FakeApi, capsys: Captured, tmp_path: Path) -> Path:
    """The digests of the API, as `atdm -o json digest` wrote them."""
    _, out, _ = run(capsys, "-o", "json", "digest")
    path = tmp_path / "before.json"
    path.write_text(out, encoding="utf-8")
    return path


@pytest.mark.usefixtures("configured_api")
def test_nothing_has_changed(before: Path, capsys: Captured) -> None:
    """Equal digests are told as such, with exit code 0."""
    assert run(capsys, "verify-clean", str(before))[:2] == (0, "every table is as it was\n")
    code, out, _ = run(capsys, "-o", "json", "verify-clean", str(before))
    assert (code, json.loads(out)) == (0, {"clean": True, "changed": {}})


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({"member": {"rows": 5, "digest": "bb"}}, "2 rows more"),
        ({"member": {"rows": 2, "digest": "bb"}}, "1 row fewer"),
        ({"member": {"rows": 3, "digest": "bb"}}, "3 rows as before, and not the same"),
        ({}, "the table is gone"),
        ({"member": {"rows": 3, "digest": "aa"}, "claim": {"rows": 0, "digest": "00"}}, "the table is new"),
    ],
)
def test_what_has_changed_is_told(
    configured_api: FakeApi, before: Path, capsys: Captured, after: dict[str, dict[str, object]], told: str
) -> None:
    """A table that is not as it was is named with what became of it, and the exit code is 1."""
    configured_api.digests = after
    code, out, _ = run(capsys, "verify-clean", str(before))
    assert code == 1
    assert told in out


@pytest.mark.usefixtures("configured_api")
@pytest.mark.parametrize("content", ["", "[]", '{"tables": {"member": 3}}', None])
def test_a_file_without_digests_is_a_usage_error(tmp_path: Path, capsys: Captured, content: str | None) -> None:
    """A file that is none, or none of ours, is named with how to write one."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    code, _, err = run(capsys, "verify-clean", str(path))
    assert code == 2
    assert str(path) in err


def test_a_run_is_extended(configured_api: FakeApi, capsys: Captured) -> None:
    """`atdm extend` tells until when the run lives now."""
    run(capsys, "request", "active_member_clean")
    (run_id,) = configured_api.live
    code, out, _ = run(capsys, "extend", run_id, "--token", "t", "--ttl", "600")
    assert (code, out) == (0, f"{run_id}  expires in 600 s\n")


def test_residue_is_told(configured_api: FakeApi, capsys: Captured) -> None:
    """A reset names the rows that the system under test had added, and whether they went."""
    residue = [
        {"table": "note", "key": {"id": 7}, "reason": "references", "deleted": True},
        {"table": "flag", "key": {"a": 1, "b": 2}, "reason": "references", "deleted": False},
    ]
    answer = {"run_id": "r", "status": "cleaned", "deleted_counts": {"note": 1}, "residue": residue}
    configured_api.answers["POST", "/test-data/runs/r/reset"] = (200, answer)
    _, out, _ = run(capsys, "reset", "r", "--token", "t")
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["note", "id=7", "references", "deleted"],
        ["flag", "a=1,", "b=2", "references", "still", "there"],
    ]


async def test_both_clients_can(api: FakeApi) -> None:
    """The library extends runs and reads digests, blocking and to be awaited."""
    api.live["r"] = "t"
    with AtdmClient(api.url, api.token) as client:
        extended, digest = client.extend_run("r", "t", 60), client.get_digest()
    async with AsyncAtdmClient(api.url, api.token) as awaited:
        assert (await awaited.extend_run("r", "t", 60), await awaited.get_digest()) == (extended, digest)
    assert extended == {"run_id": "r", "expires_at": "in 60 s"}
    assert digest["tables"]["member"] == {"rows": 3, "digest": "aa"}
