"""What can be asked for, and what was."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, TypeAlias

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from atdm_core import Engine, Pack
from atdm_core.values import CatalogQuery, CatalogRow, ConstraintValue, RunStatus

__all__ = ["ConstraintEntry", "RunEntry", "Runs", "ScenarioEntry", "Scenarios", "catalog_routes"]

PageSize: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000)]


class ScenarioEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that can be asked for."""

    domain: str
    scenario_id: str
    description: str
    tags: Sequence[str]
    generators: Sequence[str]
    validators: Sequence[str]
    default_constraints: Mapping[str, ConstraintValue]
    linked_requirement_ids: Sequence[str]


class ConstraintEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A constraint: its type, the values it can take (null: any of its type), and the one it has by default."""

    type: str
    allowed: Sequence[ConstraintValue] | None
    default: ConstraintValue
    description: str


class Scenarios(msgspec.Struct, frozen=True, kw_only=True):
    """All scenarios, the constraints by domain, and the packs that cannot be used, with the reason."""

    scenarios: Sequence[ScenarioEntry]
    constraints: Mapping[str, Mapping[str, ConstraintEntry]]
    broken_packs: Mapping[str, str]


class RunEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the catalog. Never its token, nor the token's hash."""

    test_run_id: str
    request_id: str
    domain: str
    scenario_id: str
    pack_version: str
    status: RunStatus
    created_at: datetime
    invoker: str
    planner_mode: str
    seed: int
    as_of: date
    constraints: Mapping[str, ConstraintValue]
    cleanup_strategy: str
    expires_at: datetime | None


class Runs(msgspec.Struct, frozen=True):
    """Runs, newest first."""

    runs: Sequence[RunEntry]


@get("/scenarios")
async def list_scenarios(engine: NamedDependency[Engine]) -> Scenarios:
    """What can be asked for: the scenarios of every installed pack, and the constraints they understand."""
    packs, broken = engine.registry.packs()
    return Scenarios(
        scenarios=[entry for pack in packs.values() for entry in _scenarios(pack)],
        constraints={name: _constraints(pack) for name, pack in packs.items()},
        broken_packs=broken,
    )


@get("/runs")
async def list_runs(
    engine: NamedDependency[Engine],
    scenario: FromQuery[str | None] = None,
    since: FromQuery[datetime | None] = None,
    status: FromQuery[RunStatus | None] = None,
    limit: PageSize = 100,
) -> Runs:
    """The runs that match, newest first, each with the status it has now."""
    rows = await engine.runs(CatalogQuery(scenario=scenario, since=since, status=status, limit=limit))
    return Runs([_entry(row) for row in rows])


catalog_routes: list[ControllerRouterHandler] = [list_scenarios, list_runs]


def _entry(row: CatalogRow) -> RunEntry:
    cells = msgspec.structs.asdict(row)
    return RunEntry(**{name: cells[name] for name in RunEntry.__struct_fields__})


def _scenarios(pack: Pack) -> list[ScenarioEntry]:
    return [
        ScenarioEntry(
            domain=pack.name,
            scenario_id=scenario.scenario_id,
            description=scenario.description,
            tags=scenario.tags,
            generators=[step.generator for step in scenario.generators],
            validators=scenario.validators,
            default_constraints=scenario.default_constraints,
            linked_requirement_ids=scenario.linked_requirement_ids,
        )
        for scenario in pack.scenarios.values()
    ]


def _constraints(pack: Pack) -> dict[str, ConstraintEntry]:
    return {
        name: ConstraintEntry(
            type=constraint.type,
            allowed=constraint.allowed,
            default=constraint.default,
            description=constraint.description,
        )
        for name, constraint in pack.constraints.items()
    }
