"""The page of all that can be asked for."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from atdm_core import Constraint, Pack, Registry
from atdm_core.scenario import Scenario
from atdm_core.values import ConstraintValue
from atdm_server.pages.copyable import Copyable, copyable
from atdm_server.pages.wording import plain

__all__ = ["ConstraintCard", "DomainCard", "ScenarioCard", "ScenariosPage", "scenarios_page"]


class ConstraintCard(Struct, frozen=True):
    """A constraint: what it can be ("any integer" where that is not a list), and what it is by default."""

    name: str
    description: str
    allowed: Sequence[str]
    default: str


class ScenarioCard(Struct, frozen=True):
    """A scenario: what it shows, the constraints that it sets, and how to ask for it."""

    scenario_id: str
    anchor: str
    description: str
    tags: Sequence[str]
    requirements: Sequence[str]
    constraints: Sequence[tuple[str, str]]
    request: Copyable


class DomainCard(Struct, frozen=True):
    """A pack that can be used."""

    name: str
    version: str
    description: str
    scenarios: Sequence[ScenarioCard]
    constraints: Sequence[ConstraintCard]


class ScenariosPage(Struct, frozen=True):
    """All packs: those that can be used, and why the others cannot; `api_url` is quoted for a shell."""

    api_url: str
    domains: Sequence[DomainCard]
    broken: Sequence[tuple[str, str]]
    title: str = "Scenarios"
    place: str = "scenarios"


def scenarios_page(registry: Registry, api_url: str) -> ScenariosPage:
    """The page of what is installed; `api_url` is where the caller reached this server."""
    packs, broken = registry.packs()
    owners = Counter(scenario for pack in packs.values() for scenario in pack.scenarios)
    domains = [_domain(pack, owners) for pack in packs.values()]
    return ScenariosPage(shlex.quote(api_url.rstrip("/")), domains, list(broken.items()))


def _domain(pack: Pack, owners: Mapping[str, int]) -> DomainCard:
    scenarios = [_scenario(pack, scenario, alone=owners[name] == 1) for name, scenario in pack.scenarios.items()]
    constraints = [_constraint(constraint) for constraint in pack.constraints.values()]
    return DomainCard(pack.name, pack.version, pack.description, scenarios, constraints)


def _scenario(pack: Pack, scenario: Scenario, *, alone: bool) -> ScenarioCard:
    defaults: Mapping[str, ConstraintValue] = scenario.default_constraints
    return ScenarioCard(
        scenario_id=scenario.scenario_id,
        anchor=f"{pack.name}-{scenario.scenario_id}",
        description=scenario.description,
        tags=scenario.tags,
        requirements=scenario.linked_requirement_ids,
        constraints=[(name, plain(value)) for name, value in defaults.items()],
        request=copyable(scenario.scenario_id, defaults, None if alone else pack.name),
    )


def _constraint(constraint: Constraint) -> ConstraintCard:
    allowed = [f"any {constraint.type}"] if constraint.allowed is None else [plain(each) for each in constraint.allowed]
    return ConstraintCard(constraint.name, constraint.description, allowed, plain(constraint.default))
