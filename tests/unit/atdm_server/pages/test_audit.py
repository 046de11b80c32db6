from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atdm_core.audit import Trail, view_trail
from atdm_server.pages import page_templates
from atdm_server.pages.audit import audit_page
from tests.html_page import Element, read_page

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """Each look at it is a second later."""

    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> datetime:
        now, self._now = self._now, self._now + timedelta(seconds=1)
        return now


def html_of(trail: Trail) -> str:
    """The page of a trail."""
    template = page_templates.engine_instance.get_template("audit.html")
    return template.render(page=audit_page(view_trail(trail)))


def page_of(trail: Trail) -> Element:
    """The page of a trail, read."""
    return read_page(html_of(trail))


def test_strategy() -> None:
    """The page of a strategy names it, shows how it ended, and has no plan and no records."""
    trail = Trail("strategy-baseline_restore-01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    trail.record("restore_started", invoker="human:ada", inputs={"baseline_id": "b1"}, tools_called=["target.restore"])
    trail.record("restore_failed", invoker="human:ada", status="failed", outputs={"error": {"code": "NO_BASELINE"}})
    page = page_of(trail)
    assert page.one("h1").text == "baseline_restore failed"
    assert [each.text for each in page.all("h2")] == ["Timeline"]
    assert '"b1"' in page.copies[0]
    assert "NO_BASELINE" in page.copies[1]
    assert "1.00 s" in page.text


@pytest.mark.parametrize(
    ("events", "status"), [(["x_started"], "started"), (["x_started", "x_completed"], "completed")]
)
def test_how_far_a_strategy_came(events: list[str], status: str) -> None:
    """A strategy that has not ended is shown as started, one that has ended well as completed."""
    trail = Trail("strategy-x-01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    for event in events:
        trail.record(event, invoker="human:ada")
    assert page_of(trail).one("h1").text == f"x {status}"


def test_a_run_that_failed_before_it_was_planned() -> None:
    """A trail of one event has a page, too, which says that the run is unfinished."""
    trail = Trail("01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    trail.record("request_received", invoker="human:ada")
    page = page_of(trail)
    assert page.one("h1").text == "Run unfinished"
    assert "Nothing was planned." in page.text


def test_a_run_that_went_with_all_others() -> None:
    """A run that a strategy took back names it, and leads to its page."""
    by = "strategy-reset_all-01ARZ3NDEKTSV4RRFFQ69G5FAV"
    trail = Trail("01ARZ3NDEKTSV4RRFFQ69G5FAW", Clock())
    trail.record("request_received", invoker="human:ada")
    outputs = {"strategy": "reset_all", "audit_run_id": by}
    trail.record("reset_completed", invoker="human:ops", status="cleaned", outputs=outputs)
    (link,) = [each for each in page_of(trail).all("a") if each.text == "reset_all"]
    assert link.attributes["href"] == f"/ui/audit/{by}"


@pytest.mark.parametrize(
    ("last", "badges"),
    [
        (("seed_failed", "rolled_back"), ["rolled back", "rolled back"]),
        (("catalog_recorded", "ok"), ["ready", "not reset"]),
        (("reset_started", "ok"), ["unfinished", "reset started"]),
        (("reset_failed", "failed"), ["unfinished", "reset failed"]),
        (("reset_completed", "cleaned"), ["cleaned", "reset: cleaned"]),
    ],
)
def test_status_and_reset_badge(last: tuple[str, str], badges: list[str]) -> None:
    """The banner shows in words what became of the run, and of its reset."""
    trail = Trail("01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    trail.record("request_received", invoker="human:ada")
    trail.record(last[0], invoker="human:ada", status=last[1])
    assert page_of(trail).one("h1").badges == badges


def test_text_of_users_is_shown_and_never_markup() -> None:
    """Markup in any text of a user stands on the page as text."""
    script = "<script>alert(1)</script>&\"'"
    trail = Trail("01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    trail.record("request_received", invoker=script, inputs={script: script})
    finding = {"validator": script, "ok": False, "message": script}
    details = {"broken_rows": 7, "rows": [{script: script}]}
    decisions = [{**finding, "details": details}]
    trail.record("plan_rejected", invoker=f"{script}2", status=script, outputs={"validator_decisions": decisions})
    page = page_of(trail)
    assert list(page.all("script")) == []
    assert page.text.count(script) > 5
    assert page.table("1 of 7 rows that break it") == [[script], [script]]


@pytest.mark.parametrize("events", [1, 60, 61, 400])
def test_a_page_of_any_trail_is_small(events: int) -> None:
    """However long a trail is and whatever it holds, its page stays under 100 KB and says what it leaves out."""
    trail = Trail("01ARZ3NDEKTSV4RRFFQ69G5FAV", Clock())
    bulk: dict[str, Any] = {f'"key" {i}': '"&"' * 40 for i in range(200)}
    created = [{"table_name": "member", "primary_key": f"m-{i}"} for i in range(5000)]
    trail.record("seed_completed", invoker="human:ada", outputs={"records_created": created})
    for _ in range(events - 1):
        trail.record("reset_rejected", invoker='"' * 255, inputs=bulk, outputs=bulk, status="rejected")
    html = html_of(trail)
    page = read_page(html)
    shown = [each.one("details") for each in page.all("li") if list(each.all("details"))]
    assert len(html.encode()) <= 100_000
    assert len(page.table("The first 100 of 5000 records")) == 101
    assert len(shown) == min(events, 60)
    assert ("events are left out here" in page.text) == (events > 60)
    if events > 60:
        assert f"{events - 60} events are left out here" in page.text
