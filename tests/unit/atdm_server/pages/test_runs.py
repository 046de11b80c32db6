from datetime import UTC, date, datetime

from atdm_core import Registry
from atdm_core.audit import Trail, TrailView, view_trail
from atdm_core.values import CatalogRow
from atdm_server.pages import page_templates
from atdm_server.pages.runs import STRATEGIES, Filter, runs_page
from tests.html_page import read_page

ROW = CatalogRow(
    test_run_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
    request_id="tdr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    domain="healthcare",
    scenario_id="claim_denial_active_member",
    pack_version="1.0.0",
    status="rolled_back",
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    invoker='"' * 255,
    planner_mode="rule",
    seed=1,
    as_of=date(2026, 1, 2),
    constraints={},
    cleanup_strategy="after_test",
    token_sha256="0123456789abcdef" * 4,
    answer="",
)


def a_strategy() -> TrailView:
    """A strategy that failed, on 2 January 2026."""
    trail = Trail("strategy-baseline_restore-01ARZ3NDEKTSV4RRFFQ69G5FAV", lambda: ROW.created_at)
    trail.record("restore_started", invoker='"' * 255)
    trail.record("restore_failed", invoker='"' * 255, status="failed")
    return view_trail(trail)


STRATEGY = a_strategy()


def test_a_full_page_is_small() -> None:
    """A page full of runs and strategies stays under 100 KB, whoever invoked them, and says that there are more."""
    html = page_templates.engine_instance.get_template("runs.html").render(
        page=runs_page(Filter(), [ROW] * 100, [STRATEGY] * STRATEGIES, Registry({}))
    )
    assert len(html.encode()) <= 100_000
    assert ROW.token_sha256 not in html
    rows = read_page(html).table("The newest 100 runs; filter to see older ones")
    assert len(rows) == 101
    assert rows[1][2:4] == ["rolled back", "2026-01-02 03:04:05 UTC"]


def test_a_scenario_whose_pack_is_gone_stays_in_the_form() -> None:
    """The form offers the scenario that was asked for, although no pack has it any more."""
    assert runs_page(Filter(scenario="gone"), [], [], Registry({})).scenarios == ["gone"]


def test_strategies_have_no_scenario_and_no_status_of_a_run() -> None:
    """Strategies are listed with how they ended, under a day as well, and not under a scenario or a status."""

    def listed(chosen: Filter) -> list[tuple[str, str]]:
        lines = runs_page(chosen, [], [STRATEGY], Registry({})).strategies
        return [(line.strategy, line.status.text) for line in lines]

    assert listed(Filter()) == listed(Filter(since="2026-01-02")) == [("baseline_restore", "failed")]
    assert listed(Filter(since="2026-01-03")) == []
    assert listed(Filter(status="ready")) == listed(Filter(scenario="x")) == []
