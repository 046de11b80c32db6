"""Planners: from a request to ordered steps."""

from atdm_core.errors import LlmModeNotEnabled
from atdm_core.protocols import Brief
from atdm_core.values import Plan

__all__ = ["LlmPlanner", "RulePlanner"]


class RulePlanner:
    """Looks the scenario up by its id and takes its steps as they stand."""

    async def plan(self, brief: Brief) -> Plan:
        """See `Planner.plan`."""
        pack, request = brief.pack, brief.request
        scenario = pack.scenario(request.scenario)
        return Plan(
            domain=pack.name,
            pack_version=pack.version,
            scenario_id=scenario.scenario_id,
            planner_mode="rule",
            seed=brief.seed,
            as_of=brief.as_of,
            constraints=pack.resolve(scenario, request.constraints),
            steps=scenario.generators,
            validators=scenario.validators,
        )


class LlmPlanner:
    """The name that is kept for a planner with a language model; it refuses every request and says so."""

    async def plan(self, brief: Brief) -> Plan:  # noqa: ARG002 - the protocol's signature
        """See `Planner.plan`."""
        raise LlmModeNotEnabled(
            "the planner 'llm' is not built in; set ATDM_PLANNER=rule, or install a package that provides a planner"
        )
