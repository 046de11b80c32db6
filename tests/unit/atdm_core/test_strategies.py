"""What Hypothesis draws from packs: good bundles, bundles that break one rule, requests, and how they shrink."""

import json
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from atdm_core import Bundle, Request, generate, judge
from atdm_core.errors import InvalidConstraint, InvalidRequest, PackNotFound, ScenarioNotFound, UnknownConstraint
from atdm_core.strategies import DrawnBundle, Search, bundles, constraints, requests
from atdm_core.violation import broken_rules
from atdm_healthcare import PACK
from tests.unit.atdm_core.shop import SHOP

DENIED = "claim_denial_active_member"
WINDOW = "temporal.eligibility_window_contains_claim"
few = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reachable() -> list[tuple[str, str]]:
    """Each scenario with each rule that can be broken there alone."""
    alone = "relational.eligibility_status_matches_member"  # for an expired one the claim would lie outside as well
    return [(s, v) for s in PACK.scenarios for v in PACK.validators if (s, v) != ("expired_eligibility", alone)]


@few
@given(bundles("healthcare"))
def test_bundles_are_good(bundle: DrawnBundle) -> None:
    """What is drawn of any scenario passes the validators of its plan, on any day."""
    assert all(finding.ok for finding in judge(PACK, bundle.plan, bundle))


@pytest.mark.parametrize(("scenario", "rule"), reachable())
def test_one_rule_is_broken_and_no_other(scenario: str, rule: str) -> None:
    """With `violating`, exactly that validator of the four rejects, for every scenario that can break it."""

    @settings(few, max_examples=20)
    @given(bundles(PACK, scenario, violating=rule))
    def run(bundle: DrawnBundle) -> None:
        assert broken_rules(PACK, bundle.plan, bundle, list(PACK.validators)) == [rule]

    run()


def test_a_rule_that_cannot_be_broken_alone_is_told() -> None:
    """Where no bundle of a scenario breaks a rule alone, the author is told; without a scenario another serves."""
    rule = "relational.eligibility_status_matches_member"
    with pytest.raises(InvalidRequest, match="no bundle of expired_eligibility was found that breaks relational"):
        bundles(PACK, "expired_eligibility", violating=rule)
    found = find(bundles(PACK, violating=rule), lambda bundle: True)
    assert broken_rules(PACK, found.plan, found) == [rule]


def test_a_counterexample_shrinks_to_the_boundary() -> None:
    """The smallest claim outside its window, when it is the claim that moved, lies one day before or after it."""
    bundle = find(bundles(PACK, DENIED, violating=WINDOW), lambda each: each.changed == "claim.submitted_at")
    rows = {name: rows[0] for name, rows in bundle.records().items()}
    submitted: datetime = rows["claim"]["submitted_at"]
    window, day = rows["eligibility"], timedelta(days=1)
    assert submitted.date() in (window["effective_from"] - day, window["effective_to"] + day)
    assert submitted.time().isoformat() == "00:00:00"


def test_columns_shrink_to_the_first_of_their_pool() -> None:
    """What a failure does not depend on is the first or lowest value, and constraints are the first allowed."""
    bundle = find(
        bundles(PACK, DENIED, claim_status=...), lambda each: each.records()["member"][0]["address_zip"] > "0005"
    )
    member = bundle.records()["member"][0]
    assert member["address_zip"] == "00050"
    assert member["address_line1"].startswith("1 FAKE_")
    assert bundle.constraints == {"claim_status": "paid", "diagnosis_code": "Z00.00"}
    assert bundle.plan.as_of == date(2000, 1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_each_column_shrinks_by_itself(seed: int) -> None:
    """Of a failure that takes three columns, exactly these three values are left, each at its boundary."""

    def fails(bundle: DrawnBundle) -> bool:
        rows = {name: rows[0] for name, rows in bundle.records().items()}
        afternoon = rows["claim"]["submitted_at"].hour >= 12
        return afternoon and rows["plan"]["coverage_type"] == "epo" and rows["member"]["address_zip"] >= "00050"

    few_found = settings(max_examples=2000, database=None, deadline=None)
    bundle = find(bundles(PACK, DENIED), fails, settings=few_found, random=Random(seed))
    assert bundle.plan.as_of == date(2000, 1, 1)
    assert isinstance(bundle.plan.seed, tuple)
    assert [draw for draw in bundle.plan.seed if draw] == [2, 50, 43_200]


def test_values_are_spread_over_their_range() -> None:
    """Of a hundred examples some have their claim in every quarter of the day, and none in more than half of them."""
    quarters = Counter[int]()

    @settings(max_examples=100, derandomize=True, database=None, deadline=None)
    @given(bundles(PACK, DENIED))
    def run(bundle: DrawnBundle) -> None:
        quarters[bundle.records()["claim"][0]["submitted_at"].hour // 6] += 1

    run()
    assert set(quarters) == {0, 1, 2, 3}
    assert max(quarters.values()) <= 50


@pytest.mark.parametrize("bound", [10, 86_400, 2**20, 2**32])
def test_an_integer_shrinks_to_the_smallest_that_fails(bound: int) -> None:
    """Whatever the bound, values above two thirds of it are found, and shrink to the first of them."""

    @st.composite
    def integers(draw: st.DrawFn) -> int:
        return Search(draw).below(bound)

    least = 2 * bound // 3
    assert find(integers(), lambda number: number >= least, settings=settings(database=None)) == least


@few
@given(bundles("healthcare"))
def test_a_bundle_can_be_requested(bundle: DrawnBundle) -> None:
    """The request of a drawn bundle makes its values again, for another run."""
    request = bundle.request()
    assert request.as_of is not None
    assert request.seed is not None
    plan = PACK.plan(request.scenario, request.constraints, seed=request.seed, as_of=request.as_of)
    assert plan == bundle.plan
    made = json.dumps(generate(PACK, plan, "other-run").records(), default=str)
    assert made.replace("other-run", "example") == json.dumps(bundle.records(), default=str)


def test_a_bundle_that_breaks_a_rule_cannot_be_requested() -> None:
    """No server would seed it, so the author is told at once."""
    bundle = find(bundles(PACK, DENIED, violating=WINDOW), lambda each: True)
    with pytest.raises(InvalidRequest, match=f"a bundle that breaks {WINDOW} cannot be seeded: draw without"):
        bundle.request()


def test_nothing_need_be_imported_first() -> None:
    """A program that imports the strategies before Hypothesis gets them whole, and so does Hypothesis."""
    program = (
        "from atdm_core.strategies import bundles; from hypothesis import strategies as st; "
        "from atdm_core import Bundle; st.from_type(Bundle)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_example_is_readable() -> None:
    """A drawn bundle shows how it was asked for, each row on a line, and the cell that was changed."""
    drawn = bundles(PACK, DENIED, violating=WINDOW, as_of=date(2026, 7, 4), diagnosis_code="R51")
    shown = repr(find(drawn, lambda each: each.changed is not None))
    assert shown.startswith(f"bundle('healthcare', '{DENIED}', as_of=2026-07-04, diagnosis_code='R51'")
    assert "\n    claim: claim_id='claim-example', member_id='m-example'" in shown
    assert "\n    changed: " in shown
    assert "test_run_id" not in shown


@few
@given(st.data())
def test_a_constraint_is_a_value_a_strategy_or_open(data: st.DataObject) -> None:
    """A constraint is kept as it was given, drawn from a strategy, or from everything that is allowed."""
    wanted = constraints(
        PACK, DENIED, claim_status="denied", procedure_code=st.sampled_from(["99213", "70553"]), provider_network=...
    )
    said = data.draw(wanted)
    assert said["claim_status"] == "denied"
    assert said["procedure_code"] in {"99213", "70553"}
    assert PACK.constraints["provider_network"].allows(said["provider_network"])
    assert set(said) == {"claim_status", "procedure_code", "provider_network", "diagnosis_code"}  # the last one is free


@few
@given(requests("healthcare", as_of=date(2026, 7, 4)))
def test_requests_are_accepted(request: Request) -> None:
    """A drawn request of any scenario makes, of its own seed, a bundle that the validators accept."""
    assert request.seed is not None
    plan = PACK.plan(request.scenario, request.constraints, seed=request.seed, as_of=date(2026, 7, 4))
    assert request.domain == "healthcare"
    assert plan.scenario_id in PACK.scenarios


@pytest.mark.parametrize(
    ("error", "arguments", "told"),
    [
        (PackNotFound, {"pack": "no-such-pack"}, "no pack 'no-such-pack'; installed: "),
        (ScenarioNotFound, {"scenario": "no-such"}, "healthcare has no scenario 'no-such'; it has: "),
        (UnknownConstraint, {"colour": "red"}, "healthcare has no constraint 'colour'; it has: "),
        (UnknownConstraint, {"colour": ...}, "healthcare has no constraint 'colour'; it has: "),
        (InvalidConstraint, {"claim_status": "lost"}, "claim_status cannot be lost; allowed: paid, denied, pending"),
        (InvalidRequest, {"violating": "domain.no"}, "healthcare has no validator 'domain.no'; it has: "),
    ],
)
def test_mistakes_are_told_where_they_are_made(error: type[Exception], arguments: dict[str, Any], told: str) -> None:
    """A name or value that does not exist is refused when the strategy is made, with the list of what does."""
    with pytest.raises(error) as caught:
        partial(bundles, **{"pack": "healthcare", "scenario": DENIED, **arguments})()
    assert str(caught.value).startswith(told)


def test_hypothesis_knows_the_types() -> None:
    """Hypothesis' own entry point has registered bundles and requests of every installed pack."""
    assert find(st.from_type(Bundle), lambda bundle: "claim" in bundle.tables).run_id == "example"
    assert find(st.from_type(Request), lambda request: request.domain == "healthcare").seed is not None


def test_other_packs_are_drawn_too() -> None:
    """Nothing of this is about healthcare: a pack of another domain is drawn and broken in the same way."""
    for rule in SHOP.validators:
        bundle = find(bundles(SHOP, violating=rule), lambda each: True)
        assert broken_rules(SHOP, bundle.plan, bundle, [rule]) == [rule]
