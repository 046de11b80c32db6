from datetime import UTC, date, datetime

from atdm_core import Registry
from atdm_core.values import CatalogRow
from atdm_server.pages import page_templates
from atdm_server.pages.runs import Filter, runs_page
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


def test_a_full_page_is_small() -> None:
    """A page of a hundred runs stays under 100 KB, whatever their invokers are called, and says that there are more."""
    html = page_templates.engine_instance.get_template("runs.html").render(
        page=runs_page(Filter(), [ROW] * 100, Registry({}))
    )
    assert len(html.encode()) <= 100_000
    assert ROW.token_sha256 not in html
    rows = read_page(html).table("The newest 100 runs; filter to see older ones")
    assert len(rows) == 101
    assert rows[1][2:4] == ["rolled back", "2026-01-02 03:04:05 UTC"]


def test_a_scenario_whose_pack_is_gone_stays_in_the_form() -> None:
    """The form offers the scenario that was asked for, although no pack has it any more."""
    assert runs_page(Filter(scenario="gone"), [], Registry({})).scenarios == ["gone"]
