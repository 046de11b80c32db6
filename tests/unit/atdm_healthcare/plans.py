"""Plans and rows of the healthcare pack for tests."""

from datetime import date
from typing import Any, TypeAlias

from atdm_core import Plan, generate
from atdm_core.values import Records
from atdm_healthcare import PACK

AS_OF = date(2026, 7, 4)

Row: TypeAlias = dict[str, Any]


def make_plan(scenario_id: str, *, seed: int = 7, as_of: date = AS_OF, **constraints: Any) -> Plan:
    """The plan of a scenario."""
    return PACK.plan(scenario_id, constraints, seed=seed, as_of=as_of)


def rows_of(plan: Plan) -> Records:
    """The rows that a plan makes."""
    return generate(PACK, plan, "run").records()
