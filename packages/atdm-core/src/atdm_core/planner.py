"""Planners: from a request to ordered steps."""

from atdm_core.errors import LlmModeNotEnabled
from atdm_core.protocols import Brief
from atdm_core.values import Plan

__all__ = ["LlmPlanner", "RulePlanner"]


class RulePlanner:
    """Looks the scenario up by its id and takes its steps as they stand."""

    async def plan(self, brief: Brief) -> Plan:
        """See `Planner.plan`."""
        request = brief.request
        return brief.pack.plan(request.scenario, request.constraints, seed=brief.seed, as_of=brief.as_of)


class LlmPlanner:
    """The name that is kept for a planner with a language model; it refuses every request and says so."""

    async def plan(self, brief: Brief) -> Plan:  # noqa: ARG002 - the protocol's signature
        """See `Planner.plan`."""
        raise LlmModeNotEnabled(
            "the planner 'llm' is not built in; set ATDM_PLANNER=rule, or install a package that provides a planner"
        )
