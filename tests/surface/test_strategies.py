"""Putting the whole target back: every run at once, and baselines kept and restored."""

from uuid import uuid4

import pytest

from tests.surface.surfaces import TABLES, RefusedError, Surface

ONE_EACH = dict.fromkeys(TABLES, 1)
NONE_EACH = dict.fromkeys(TABLES, 0)


def actions(surface: Surface, run_id: str) -> list[str]:
    """The actions of a trail, in order."""
    return [event["action"] for event in surface.trail(run_id)["events"]]


def test_reset_all_takes_every_run(surface: Surface) -> None:
    """A reset of all leaves no row of any run, says what it deleted, and records itself under an id of its own."""
    surface.reset_all()
    runs = [surface.request({"scenario": "active_member_clean"})["test_run_id"] for _ in range(2)]
    answer = surface.reset_all()
    assert answer["strategy"] == "reset_all"
    assert {table: answer["deleted_counts"][table] for table in TABLES} == dict.fromkeys(TABLES, 2)
    assert answer["cleared_record_count"] == 2 * len(TABLES)
    assert [surface.rows(run_id) for run_id in runs] == [NONE_EACH, NONE_EACH]
    assert answer["audit_run_id"].startswith("strategy-reset_all-")
    assert actions(surface, answer["audit_run_id"]) == ["reset_started", "reset_completed"]


def test_run_says_that_it_went_with_all_others(surface: Surface) -> None:
    """A run whose rows went with all others is cleaned, says with whom, and its reset has nothing to do."""
    run = surface.request({"scenario": "active_member_clean"})
    by = surface.reset_all()["audit_run_id"]
    trail = surface.trail(run["test_run_id"])
    assert (trail["status"], trail["reset_status"]) == ("cleaned", "cleaned")
    assert trail["events"][-1]["outputs"] == {"strategy": "reset_all", "audit_run_id": by}
    outcome = surface.reset(run["test_run_id"], run["cleanup"]["cleanup_token"])
    assert outcome["status"] == "already_cleaned"


def test_restore_brings_the_snapshot_back(surface: Surface) -> None:
    """A restore brings back the rows of its snapshot and takes those that came later; twice gives the same state."""
    name = f"golden-{uuid4().hex}"
    kept = surface.request({"scenario": "active_member_clean"})["test_run_id"]
    taken = surface.snapshot(name)
    assert (taken["strategy"], taken["baseline_id"]) == ("baseline_snapshot", name)
    assert set(TABLES) <= set(taken["tables"])
    assert actions(surface, taken["audit_run_id"]) == ["snapshot_started", "snapshot_completed"]
    later = surface.request({"scenario": "active_member_clean"})["test_run_id"]
    first = surface.restore(name)
    assert first["row_counts"] == taken["row_counts"]
    assert first["captured_at"] == taken["captured_at"]
    assert (surface.rows(kept), surface.rows(later)) == (ONE_EACH, NONE_EACH)
    again = surface.restore(name)
    assert again["row_counts"] == first["row_counts"]
    assert (surface.rows(kept), surface.rows(later)) == (ONE_EACH, NONE_EACH)
    assert actions(surface, again["audit_run_id"]) == ["restore_started", "restore_completed"]


def test_latest_baseline_is_the_default(surface: Surface) -> None:
    """Without a name a snapshot gets one, a restore takes the latest, and the list has it first."""
    surface.snapshot(f"older-{uuid4().hex}")
    newest = surface.snapshot()["baseline_id"]
    assert surface.restore()["baseline_id"] == newest
    assert surface.baselines()[0]["baseline_id"] == newest


def test_baseline_is_never_overwritten(surface: Surface) -> None:
    """A second snapshot under one name is refused and recorded, and the first stays."""
    name = f"golden-{uuid4().hex}"
    first = surface.snapshot(name)
    with pytest.raises(RefusedError) as refused:
        surface.snapshot(name)
    assert refused.value.code == "BASELINE_EXISTS"
    assert refused.value.run_id is not None
    assert actions(surface, refused.value.run_id) == ["snapshot_started", "snapshot_failed"]
    kept = next(baseline for baseline in surface.baselines() if baseline["baseline_id"] == name)
    assert kept["captured_at"] == first["captured_at"]


def test_unknown_baseline_is_refused(surface: Surface) -> None:
    """A baseline that does not exist cannot be restored, and an id that is none is refused."""
    for name, code in (("no-such-baseline", "BASELINE_NOT_FOUND"), ("../elsewhere", "INVALID_REQUEST")):
        with pytest.raises(RefusedError) as refused:
            surface.restore(name)
        assert refused.value.code == code
