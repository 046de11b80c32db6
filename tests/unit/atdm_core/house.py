"""Engines of the shop on memory fakes: one town of them for each test, with weather around each house."""

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from atdm_core import Caller, Engine, Outcome, Registry, Request, Services
from atdm_core.audit import Trail
from atdm_core.fixtures import FixtureFolder
from atdm_core.planner import RulePlanner
from atdm_core.recovery import GRACE
from atdm_core.testing import MemoryBaselines, MemoryCatalog, MemoryClaims, MemoryTarget
from atdm_core.values import CatalogQuery
from tests.unit.atdm_core.shop import AS_OF, SHARED, SHOP
from tests.unit.atdm_core.weather import (
    Died,
    TownLog,
    Weather,
    WeatheredCatalog,
    WeatheredClaims,
    WeatheredDatabase,
    WeatheredLog,
    WeatheredTarget,
    When,
)

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)


class Town:
    """What all processes share: target, store, and a clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.log = TownLog()
        self.target = MemoryTarget(SHARED, now=self.now)
        self.catalog = MemoryCatalog(self.log)
        self.claims = MemoryClaims()
        self.baselines = MemoryBaselines()

    def now(self) -> datetime:
        """The time of day."""
        return NOON + timedelta(seconds=self.seconds)


class House:
    """An engine of the shop, as a process of its own has it."""

    def __init__(self, folder: Path, beside: "House | None" = None, *, grace: float = GRACE) -> None:
        """`beside`: the house of another process on the same target and store. `grace`: see `Engine`."""
        self.out = beside.out if beside else Town()
        self.weather = Weather()
        self.fixture_folder = folder
        self.reports: list[tuple[str, str]] = []
        log_id = f"log-{len(self.out.log.logs)}"
        self.out.log.logs[log_id] = []
        self.services = Services(
            target=WeatheredTarget(self.weather, self.out.target),
            database=WeatheredDatabase(self.weather, self.out.target),
            log=WeatheredLog(self.weather, self.out.log, log_id),
            catalog=WeatheredCatalog(self.weather, self.out.catalog),
            baselines=self.out.baselines,
            clock=self.out.now,
        )
        self.engine = Engine(
            registry=Registry({"shop": SHOP}),
            planner=RulePlanner(),
            target=self.services.target,
            database=self.services.database,
            log=self.services.log,
            catalog=self.services.catalog,
            claims=WeatheredClaims(self.weather, self.out.claims),
            baselines=self.services.baselines,
            fixtures=FixtureFolder(folder),
            server_key=b"a key of this town",
            clock=self.out.now,
            monotonic=self.monotonic,
            grace=grace,
            report=self.report,
        )

    def neighbour(self, *, grace: float = GRACE) -> "House":
        """Another process on the same target and store."""
        return House(self.fixture_folder, self, grace=grace)

    async def ask(self, key: str | None = None, *, scenario: str = "one_order", **request: object) -> Outcome:
        """Ask for data as Ann, with or without an idempotency key."""
        asked = Request(**{"scenario": scenario, "as_of": AS_OF, **request})  # pyright: ignore[reportArgumentType]
        return await self.engine.request(asked, Caller(invoker="human:ann", idempotency_key=key))

    async def dies(self, call: str, when: When, work: Coroutine[Any, Any, object], *, skip: int = 0) -> None:
        """Let the process die at a call, while it does this work."""
        self.weather.dies(call, when, skip=skip)
        with pytest.raises(Died):
            await work

    async def sweep(self, *, after: float = 0.0) -> None:
        """A round of recovery and expiry, some seconds from now."""
        self.out.seconds += after
        await self.engine.sweep()

    async def recover(self) -> None:
        """All that is left over is seen by this process, and its time comes."""
        await self.sweep()
        await self.sweep(after=GRACE)

    async def trail(self, run_id: str) -> Trail:
        """A run's trail as it is stored."""
        trail = await self.out.log.read(run_id)
        assert trail is not None
        return trail

    async def actions(self, run_id: str) -> list[str]:
        """The actions of a run's trail as it is stored."""
        trail = await self.out.log.read(run_id)
        return [event.action for event in trail.events] if trail else []

    async def status(self, run_id: str) -> str | None:
        """The status that the catalog tells of a run now."""
        rows = await self.out.catalog.runs(CatalogQuery())
        return next((row.status for row in rows if row.test_run_id == run_id), None)

    def rows(self) -> int:
        """The number of rows in the target."""
        return sum(self.out.target.row_counts().values())

    def open_runs(self) -> set[str]:
        """The runs whose last mark, `denied` aside, says that something has begun."""
        last = {mark.run_id: mark.kind for mark in self.out.log.noted if mark.kind != "denied"}
        return {run_id for run_id, kind in last.items() if kind == "open"}

    def only_run(self) -> str:
        """The run that the marks tell of, if they tell of one only."""
        (run_id,) = {mark.run_id for mark in self.out.log.noted}
        return run_id

    def monotonic(self) -> float:
        """The seconds that have passed."""
        return self.out.seconds

    def report(self, run_id: str, error: Exception) -> None:
        """Keep what the engine reports."""
        self.reports.append((run_id, getattr(error, "code", type(error).__name__)))
