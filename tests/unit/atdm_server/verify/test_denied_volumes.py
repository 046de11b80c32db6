"""Verification of a store in which somebody asked for an open volume with another's token."""

from pathlib import Path

from atdm_core.audit import CANCEL, Mark, utc_now
from atdm_server.verify import verify_store
from tests.recorded_runs import RecordedRuns


async def test_what_was_denied_has_no_place_in_the_trail(tmp_path: Path) -> None:
    """What was denied before a run was decided is in the process log alone, before the decision and after it."""
    runs = RecordedRuns(tmp_path)
    await runs.begun("01A")
    await runs.log.note(Mark(kind="denied", run_id="01A", at=utc_now(), state=CANCEL))
    await runs.rolled_back("01B")
    await runs.log.note(Mark(kind="denied", run_id="01B", at=utc_now(), state=CANCEL))
    await runs.close()
    report = await verify_store(runs.url)
    assert (report.problems, [run.run_id for run in report.open_runs]) == ([], ["01A"])
