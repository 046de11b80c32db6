"""The page of runs: which there were, and what became of them; and the newest strategies on the whole target."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, get_args

from msgspec import Struct

from atdm_core import Registry
from atdm_core.audit import TrailView
from atdm_core.errors import InvalidRequest
from atdm_core.values import CatalogQuery, CatalogRow, RunStatus
from atdm_server.pages.strategy import ending, strategy_name
from atdm_server.pages.wording import Badge, Moment, badge, excerpt, moment

__all__ = ["STRATEGIES", "Filter", "RunLine", "RunsPage", "StrategyLine", "runs_page"]

STRATEGIES: Final = 20  # on a page, the newest

_LIMIT: Final = 100  # runs on a page
_STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)


class Filter(Struct, frozen=True):
    """What the form was filled in with; an empty text filters nothing."""

    scenario: str = ""
    status: str = ""
    since: str = ""

    def query(self) -> CatalogQuery:
        """The filter as a query of the catalog; `InvalidRequest` when no form could have sent it."""
        return CatalogQuery(scenario=self.scenario or None, status=self._status(), since=self._since(), limit=_LIMIT)

    def shows(self, strategy: TrailView) -> bool:
        """Whether a strategy is listed: it has a time, and neither the scenario nor the status of a run."""
        since = self._since()
        return not (self.scenario or self.status) and (since is None or strategy.started_at >= since)

    def _status(self) -> RunStatus | None:
        for status in _STATUSES:
            if status == self.status:
                return status
        if self.status:
            raise InvalidRequest(f"no run has the status {self.status!r}; there are: {', '.join(_STATUSES)}")
        return None

    def _since(self) -> datetime | None:
        try:
            return datetime.combine(date.fromisoformat(self.since), time(), UTC) if self.since else None
        except ValueError as error:
            raise InvalidRequest(f"{self.since!r} is not a day; write it as YYYY-MM-DD") from error


class RunLine(Struct, frozen=True):
    """A run in the table."""

    run_id: str
    scenario_id: str
    status: Badge
    created: Moment
    invoker: str


class StrategyLine(Struct, frozen=True):
    """A strategy in the table; `audit_run_id` is that of its trail."""

    audit_run_id: str
    strategy: str
    status: Badge
    started: Moment
    invoker: str


class RunsPage(Struct, frozen=True):
    """The runs and the strategies that match, newest first; `more`: there may be older runs."""

    chosen: Filter
    scenarios: Sequence[str]
    statuses: Sequence[str]
    runs: Sequence[RunLine]
    strategies: Sequence[StrategyLine]
    more: bool
    filtered: bool
    title: str = "Runs"
    place: str = "runs"


def runs_page(
    chosen: Filter, rows: Sequence[CatalogRow], strategies: Sequence[TrailView], registry: Registry
) -> RunsPage:
    """The page of these rows, which are what the catalog answered to `chosen`, and of the newest strategies."""
    return RunsPage(
        chosen=chosen,
        scenarios=_choices(chosen, registry),
        statuses=_STATUSES,
        runs=[_line(row) for row in rows],
        strategies=[_strategy(trail) for trail in strategies if chosen.shows(trail)],
        more=len(rows) == _LIMIT,
        filtered=chosen != Filter(),
    )


def _choices(chosen: Filter, registry: Registry) -> list[str]:
    """Every installed scenario, and the chosen one, whose pack may be gone."""
    packs, _ = registry.packs()
    installed: Iterable[str] = (scenario for pack in packs.values() for scenario in pack.scenarios)
    return sorted({*installed, *filter(None, [chosen.scenario])})


def _line(row: CatalogRow) -> RunLine:
    return RunLine(row.test_run_id, row.scenario_id, badge(row.status), moment(row.created_at), excerpt(row.invoker))


def _strategy(trail: TrailView) -> StrategyLine:
    name = strategy_name(trail.run_id) or trail.run_id
    return StrategyLine(
        trail.run_id, name, badge(ending(trail.events)), moment(trail.started_at), excerpt(trail.invoker)
    )
