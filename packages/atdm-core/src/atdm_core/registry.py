"""The registry: packs, planners and strategies that are installed, found by entry point.

Listing names imports nothing; a plug-in is loaded when it is used. One that cannot be loaded is reported by its name,
and the others still work.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from atdm_core.errors import (
    AtdmError,
    DomainNotFound,
    InvalidRequest,
    PackInvalid,
    PackNotFound,
    ScenarioNotFound,
)
from atdm_core.pack import Pack
from atdm_core.protocols import Planner, Services, Strategy
from atdm_core.values import Request

__all__ = ["Registry"]


class Registry:
    """The plug-ins of this environment."""

    def __init__(self, packs: Mapping[str, Pack] | None = None) -> None:
        """`packs` replaces the installed ones."""
        self._given = packs
        self._loaded: dict[str, Pack] = dict(packs or {})
        self._broken: dict[str, PackInvalid] = {}
        self._groups: dict[str, dict[str, EntryPoint]] = {}

    def pack_names(self) -> list[str]:
        """The names of the installed packs, sorted; nothing is imported."""
        return sorted(self._given if self._given is not None else self._points("atdm.packs"))

    def pack(self, name: str) -> Pack:
        """The pack of this name; `PackNotFound` lists what is installed, `PackInvalid` says why it cannot be used."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._loaded:
            if name not in self.pack_names() or self._given is not None:
                raise PackNotFound(f"no pack {name!r}; installed: {', '.join(self.pack_names()) or 'none'}", pack=name)
            try:
                self._loaded[name] = _load_pack(self._points("atdm.packs")[name])
            except PackInvalid as error:
                self._broken[name] = error
                raise
        return self._loaded[name]

    def packs(self) -> tuple[dict[str, Pack], dict[str, str]]:
        """All packs that can be used, by name, and the reasons why the others cannot."""
        usable: dict[str, Pack] = {}
        broken: dict[str, str] = {}
        for name in self.pack_names():
            try:
                usable[name] = self.pack(name)
            except AtdmError as error:
                broken[name] = error.message
        return usable, broken

    def pack_for(self, request: Request) -> Pack:
        """The pack a request means: the one it names, else the only one that has its scenario."""
        if request.domain is not None:
            try:
                return self.pack(request.domain)
            except PackNotFound as error:
                raise DomainNotFound(
                    f"no domain {request.domain!r}; installed: {', '.join(self.pack_names()) or 'none'}",
                    domain=request.domain,
                    known=self.pack_names(),
                ) from error
        usable, _ = self.packs()
        owners = [pack for pack in usable.values() if request.scenario in pack.scenarios]
        if len(owners) > 1:
            names = [pack.name for pack in owners]
            raise InvalidRequest(
                f"several domains have a scenario {request.scenario!r}: name one of {', '.join(names)} in 'domain'",
                known=names,
            )
        if not owners:
            known = [scenario for pack in usable.values() for scenario in pack.scenarios]
            raise ScenarioNotFound(
                f"no scenario {request.scenario!r}; there are: {', '.join(known) or 'none'}",
                scenario=request.scenario,
                known=known,
            )
        return owners[0]

    def planner(self, name: str) -> Planner:
        """A new planner of this name."""
        return cast("Callable[[], Planner]", self._plugin("atdm.planners", name))()

    def strategy(self, name: str, services: Services) -> Strategy:
        """A new reset strategy of this name, working with `services`."""
        return cast("Callable[[Services], Strategy]", self._plugin("atdm.strategies", name))(services)

    def _points(self, group: str) -> dict[str, EntryPoint]:
        if group not in self._groups:
            self._groups[group] = _found(group)
        return self._groups[group]

    def _plugin(self, group: str, name: str) -> Any:
        points = self._points(group)
        if name not in points:
            kind = group.rpartition(".")[2]
            raise PackNotFound(f"no {name!r} among the {kind}; installed: {', '.join(sorted(points)) or 'none'}")
        return _load(points[name])


def _found(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in found and point.value != found[point.name].value:
            raise PackInvalid(
                f"{_owner(found[point.name])} and {_owner(point)} both provide {point.name!r} in {group}: uninstall one"
            )
        found[point.name] = point
    return found


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # a plug-in's import may raise anything, and the others must still work
        raise PackInvalid(
            f"{point.name!r} of {_owner(point)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _load_pack(point: EntryPoint) -> Pack:
    pack = _load(point)
    if not isinstance(pack, Pack) or pack.name != point.name:
        raise PackInvalid(
            f"the entry point {point.name!r} of {_owner(point)} is not a pack of that name", pack=point.name
        )
    return pack


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
