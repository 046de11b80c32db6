"""What can be asked for, and what was."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias, get_args

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from atdm_core import Engine, Pack, errors
from atdm_core.values import CatalogEntry, CatalogQuery, ConstraintValue, RunStatus

__all__ = ["ConstraintEntry", "Runs", "ScenarioEntry", "Scenarios", "catalog_routes"]

Scenario: TypeAlias = Annotated[str | None, QueryParameter(description="Runs of this scenario.")]
# The framework would take "null" for no status, and "0" for a moment of 1970; `_query` does not.
Since: TypeAlias = Annotated[
    str | None,
    QueryParameter(schema_extra={"format": "date-time"}, description="Runs made at this moment or later."),
]
Status: TypeAlias = Annotated[
    str | None,
    QueryParameter(schema_extra={"enum": list(get_args(RunStatus))}, description="Runs that have this status now."),
]
PageSize: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="The most runs to list.")]


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


class Runs(msgspec.Struct, frozen=True):
    """Runs, newest first."""

    runs: Sequence[CatalogEntry]


@get("/scenarios")
async def list_scenarios(engine: NamedDependency[Engine]) -> Scenarios:
    """What can be asked for: the scenarios of every installed pack, and the constraints they understand."""
    packs, broken = engine.registry.packs()
    return Scenarios(
        scenarios=[entry for pack in packs.values() for entry in _scenarios(pack)],
        constraints={name: _constraints(pack) for name, pack in packs.items()},
        broken_packs=broken,
    )


@get("/runs", refusals=(errors.StoreUnavailable,))
async def list_runs(
    engine: NamedDependency[Engine],
    scenario: Scenario = None,
    since: Since = None,
    status: Status = None,
    limit: PageSize = 100,
) -> Runs:
    """The runs that match, newest first, each with the status it has now."""
    rows = await engine.runs(_query(scenario=scenario, since=since, status=status, limit=limit))
    return Runs([row.entry() for row in rows])


catalog_routes: list[ControllerRouterHandler] = [list_scenarios, list_runs]


def _query(**wanted: object) -> CatalogQuery:
    try:
        return msgspec.convert(wanted, CatalogQuery)
    except msgspec.ValidationError as error:
        raise errors.InvalidRequest(f"the query cannot be read: {error}") from error


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
