"""Planners."""

import pytest

from atdm_core import Brief, Request, Step
from atdm_core.errors import InvalidConstraint, LlmModeNotEnabled, ScenarioNotFound, UnknownConstraint
from atdm_core.planner import LlmPlanner, RulePlanner
from tests.unit.atdm_core.shop import AS_OF, SHOP


def a_brief(scenario: str = "two_orders", **constraints: str) -> Brief:
    """A brief for the shop."""
    return Brief(pack=SHOP, request=Request(scenario=scenario, constraints=dict(constraints)), seed=5, as_of=AS_OF)


async def test_rule_planner_takes_the_scenario_as_it_stands() -> None:
    """The plan has the scenario's steps and validators, every constraint resolved, and what the values depend on."""
    plan = await RulePlanner().plan(a_brief(tier="plain"))
    assert (plan.domain, plan.pack_version, plan.scenario_id, plan.planner_mode) == (
        "shop",
        "1.0.0",
        "two_orders",
        "rule",
    )
    assert (plan.seed, plan.as_of) == (5, AS_OF)
    assert plan.constraints == {"tier": "plain", "order_status": "paid", "gift": False, "note": None}
    assert plan.steps[1] == Step("generate_order", {"order_status": "paid"})
    assert plan.validators == SHOP.scenario("two_orders").validators


async def test_rule_planner_refuses_what_it_does_not_know() -> None:
    """An unknown scenario, constraint or value makes no plan."""
    planner = RulePlanner()
    with pytest.raises(ScenarioNotFound):
        await planner.plan(a_brief("nine"))
    with pytest.raises(UnknownConstraint):
        await planner.plan(a_brief(colour="red"))
    with pytest.raises(InvalidConstraint):
        await planner.plan(a_brief(tier="silver"))


async def test_llm_planner_says_that_it_is_not_built_in() -> None:
    """The planner whose name is kept refuses, and says what to set instead."""
    with pytest.raises(LlmModeNotEnabled, match="ATDM_PLANNER=rule"):
        await LlmPlanner().plan(a_brief())
