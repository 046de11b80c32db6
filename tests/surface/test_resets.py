"""Taking runs back: by token, once or again, and never another's."""

import pytest

from tests.surface.surfaces import TABLES, RefusedError, Surface

ONE_EACH = dict.fromkeys(TABLES, 1)
NONE_EACH = dict.fromkeys(TABLES, 0)


def test_reset_again_is_harmless(surface: Surface) -> None:
    """A second reset says that the run is clean already."""
    answer = surface.request({"scenario": "active_member_clean"})
    run_id, token = answer["test_run_id"], answer["cleanup"]["cleanup_token"]
    surface.reset(run_id, token)
    assert surface.reset(run_id, token) == {"run_id": run_id, "status": "already_cleaned"}


def test_reset_is_recorded(surface: Surface) -> None:
    """The trail of a run that was taken back ends in reset_completed, with what was deleted."""
    answer = surface.request({"scenario": "active_member_clean"})
    surface.reset(answer["test_run_id"], answer["cleanup"]["cleanup_token"])
    trail = surface.trail(answer["test_run_id"])
    assert [event["action"] for event in trail["events"]][-2:] == ["reset_started", "reset_completed"]
    assert trail["events"][-1]["status"] == "cleaned"
    assert trail["events"][-1]["outputs"]["deleted_counts"]["claim"] == 1
    assert (trail["status"], trail["reset_status"]) == ("cleaned", "cleaned")


def test_other_token_deletes_nothing(surface: Surface) -> None:
    """A token of another run is refused and recorded, and the rows stay."""
    mine, other = (surface.request({"scenario": "active_member_clean"}) for _ in range(2))
    with pytest.raises(RefusedError) as refused:
        surface.reset(mine["test_run_id"], other["cleanup"]["cleanup_token"])
    assert refused.value.code == "TOKEN_MISMATCH"
    assert surface.rows(mine["test_run_id"]) == ONE_EACH
    assert surface.trail(mine["test_run_id"])["events"][-1]["action"] == "reset_rejected"
    assert surface.trail(mine["test_run_id"])["status"] == "ready"


def test_reset_reaches_its_own_run_only(surface: Surface) -> None:
    """Two runs of one seed live side by side, and a reset takes one of them."""
    mine, other = (surface.request({"scenario": "active_member_clean", "seed": 3}) for _ in range(2))
    surface.reset(mine["test_run_id"], mine["cleanup"]["cleanup_token"])
    assert surface.rows(mine["test_run_id"]) == NONE_EACH
    assert surface.rows(other["test_run_id"]) == ONE_EACH


@pytest.mark.parametrize("run_id", ["01K00000000000000000000000", "no-such-run"])
def test_unknown_run_is_not_found(surface: Surface, run_id: str) -> None:
    """A run that does not exist has no trail and cannot be reset."""
    for call in (lambda: surface.trail(run_id), lambda: surface.reset(run_id, "0" * 64)):
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.code == "RUN_NOT_FOUND"


def test_id_that_is_no_id_is_refused(surface: Surface) -> None:
    """An id with characters that no id has is refused before it becomes a path."""
    for run_id in ("..", ".hidden", "a b", "x" * 129):
        with pytest.raises(RefusedError) as refused:
            surface.reset(run_id, "0" * 64)
        assert refused.value.code in {"INVALID_REQUEST", "NOT_FOUND"}
