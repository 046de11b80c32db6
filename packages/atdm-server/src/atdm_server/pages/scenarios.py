"""The pages of all that can be asked for: one, or as many as it takes to keep each of them small."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import msgspec
from markupsafe import escape
from msgspec import Struct

from atdm_core import Constraint, Pack, Registry
from atdm_core.errors import InvalidRequest
from atdm_core.scenario import Scenario
from atdm_core.values import ConstraintValue
from atdm_server.pages.copyable import Copyable, copyable
from atdm_server.pages.wording import plain

__all__ = ["ConstraintCard", "DomainCard", "ScenarioCard", "ScenariosPage", "scenarios_page"]


_ROOM: Final = 70_000  # bytes of HTML that the cards of a page may take
_MARKUP: Final = 1_000  # bytes of HTML around the texts of a card, at most
_VALUES: Final = 40  # allowed values of a constraint that are shown


class ConstraintCard(Struct, frozen=True):
    """A constraint: what it can be ("any integer" where that is not a list), and what it is by default.

    `left_out`: how many values it can have beside those that are shown.
    """

    name: str
    description: str
    allowed: Sequence[str]
    left_out: int
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
    """A pack that can be used: as much of it as stands on this page, its description where it begins."""

    name: str
    version: str
    description: str
    has_scenarios: bool
    scenarios: Sequence[ScenarioCard]
    constraints: Sequence[ConstraintCard]


class ScenariosPage(Struct, frozen=True):
    """Packs that can be used, and why the others cannot; `api_url` is quoted for a shell. Pages count from 1."""

    api_url: str
    domains: Sequence[DomainCard]
    broken: Sequence[tuple[str, str]]
    number: int = 1
    count: int = 1
    title: str = "Scenarios"
    place: str = "scenarios"


class _Item(NamedTuple):
    """What is never divided between two pages: a pack's introduction (no card), a scenario, a constraint."""

    pack: Pack
    card: ScenarioCard | ConstraintCard | None = None

    def weight(self) -> int:
        """The bytes of HTML that it takes, at most."""
        texts = msgspec.json.encode(self.card or self.pack.description).decode()
        return len(str(escape(texts)).encode()) + _MARKUP


def scenarios_page(registry: Registry, api_url: str, page: str = "1") -> ScenariosPage:
    """A page of what is installed; `InvalidRequest` when there are not so many.

    `api_url` is where the caller reached this server.
    """
    packs, broken = registry.packs()
    pages = _divided(_items(packs.values()))
    if page not in map(str, range(1, len(pages) + 1)):
        raise InvalidRequest(f"there is no page {page[:20]!r} of scenarios; the last one is {len(pages)}")
    number = int(page)
    return ScenariosPage(
        api_url=shlex.quote(api_url.rstrip("/")),
        domains=[_domain(pack, items) for pack, items in _by_pack(pages[number - 1])],
        broken=list(broken.items()) if number == 1 else [],
        number=number,
        count=len(pages),
    )


def _items(packs: Iterable[Pack]) -> Iterator[_Item]:
    packs = list(packs)
    owners = Counter(scenario for pack in packs for scenario in pack.scenarios)
    for pack in packs:
        yield _Item(pack)
        for name, scenario in pack.scenarios.items():
            yield _Item(pack, _scenario(pack, scenario, alone=owners[name] == 1))
        for constraint in pack.constraints.values():
            yield _Item(pack, _constraint(constraint))


def _divided(items: Iterable[_Item]) -> list[list[_Item]]:
    pages: list[list[_Item]] = [[]]
    left = _ROOM
    for item in items:
        weight = item.weight()
        if weight > left and pages[-1]:
            pages.append([])
            left = _ROOM
        pages[-1].append(item)
        left -= weight
    return pages


def _by_pack(items: Iterable[_Item]) -> Iterator[tuple[Pack, list[_Item]]]:
    for _, group in groupby(items, lambda item: item.pack.name):
        of_one = list(group)
        yield of_one[0].pack, of_one


def _domain(pack: Pack, items: Sequence[_Item]) -> DomainCard:
    cards = [item.card for item in items]
    return DomainCard(
        name=pack.name,
        version=pack.version,
        description=pack.description if None in cards else "",
        has_scenarios=bool(pack.scenarios),
        scenarios=[card for card in cards if isinstance(card, ScenarioCard)],
        constraints=[card for card in cards if isinstance(card, ConstraintCard)],
    )


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
    values = constraint.allowed
    shown = [f"any {constraint.type}"] if values is None else [plain(each) for each in values[:_VALUES]]
    left_out = max(0, len(values or ()) - _VALUES)
    return ConstraintCard(constraint.name, constraint.description, shown, left_out, plain(constraint.default))
