"""What goes wrong between the engine and its surroundings: wrappers around the memory fakes that fail as told."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct

from atdm_core import Bundle, Caller, Engine, Outcome, Registry, Request
from atdm_core.audit import Mark, Part, Trail
from atdm_core.errors import AtdmError
from atdm_core.fixtures import FixtureFolder
from atdm_core.planner import RulePlanner
from atdm_core.testing import MemoryBaselines, MemoryCatalog, MemoryClaims, MemoryLog, MemoryTarget
from atdm_core.values import CatalogQuery, CatalogRow, Claim, Deletion, SeedReceipt
from tests.unit.atdm_core.shop import AS_OF, SHARED, SHOP

T = TypeVar("T")
When = Literal["before", "after"]

PATIENT = 5.0  # seconds that a test waits for what must come


class Weather:
    """Notes every call by name, fails those that it was told to, before or after they did their work."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._faults: defaultdict[str, deque[tuple[When, Exception]]] = defaultdict(deque)
        self._gates: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def fails(self, call: str, error: Exception, *, when: When = "before", times: int = 1) -> None:
        """Let the next calls of this name fail. `after`: the work is done, and its answer lost."""
        for _ in range(times):
            self._faults[call].append((when, error))

    def holds(self, call: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold calls of this name after their work: (one is held, let them go)."""
        self._gates[call] = (asyncio.Event(), asyncio.Event())
        return self._gates[call]

    async def ended(self, call: str) -> None:
        """Return when a call of this name has ended well."""
        await asyncio.wait_for(self._ended[call].wait(), PATIENT)

    async def carry(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, in this weather."""
        self.calls.append(call)
        when, error = self._faults[call].popleft() if self._faults[call] else (None, None)
        if error and when == "before":
            raise error
        result = await work()
        if call in self._gates:
            held, go = self._gates[call]
            held.set()
            await go.wait()
        if error:
            raise error
        self._ended[call].set()
        return result


class Outdoors(Struct, frozen=True):
    """Target, log, catalog and claims of a house, each behind the weather."""

    weather: Weather
    target: MemoryTarget
    log: MemoryLog
    catalog: MemoryCatalog
    claims: MemoryClaims


class WeatheredTarget:
    """See `Target`."""

    def __init__(self, out: Outdoors) -> None:
        self._out = out

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        return await self._out.weather.carry("target.seed", lambda: self._out.target.seed(bundle, ttl_seconds))

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        return await self._out.weather.carry("target.delete", lambda: self._out.target.delete(run_id))

    async def check(self) -> None:
        """See `Target.check`."""
        await self._out.weather.carry("target.check", self._out.target.check)


class WeatheredLog:
    """See `AuditLog`."""

    def __init__(self, out: Outdoors) -> None:
        self._out = out

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        await self._out.weather.carry(f"log.{mark.kind}", lambda: self._out.log.note(mark))

    async def append(self, part: Part) -> None:
        """See `AuditLog.append`."""
        await self._out.weather.carry("log.append", lambda: self._out.log.append(part))

    async def read(self, run_id: str) -> Trail | None:
        """See `AuditLog.read`."""
        return await self._out.weather.carry("log.read", lambda: self._out.log.read(run_id))

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """See `AuditLog.strategies`."""
        return await self._out.weather.carry("log.strategies", lambda: self._out.log.strategies(limit))


class WeatheredCatalog:
    """See `Catalog`."""

    def __init__(self, out: Outdoors) -> None:
        self._out = out

    async def record(self, row: CatalogRow) -> None:
        """See `Catalog.record`."""
        await self._out.weather.carry("catalog.record", lambda: self._out.catalog.record(row))

    async def find(self, run_id: str) -> CatalogRow | None:
        """See `Catalog.find`."""
        return await self._out.weather.carry("catalog.find", lambda: self._out.catalog.find(run_id))

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """See `Catalog.runs`."""
        return await self._out.weather.carry("catalog.runs", lambda: self._out.catalog.runs(query))


class WeatheredClaims:
    """See `Claims`."""

    def __init__(self, out: Outdoors) -> None:
        self._out = out

    async def claim(self, claim: Claim) -> Claim:
        """See `Claims.claim`."""
        return await self._out.weather.carry("claims.claim", lambda: self._out.claims.claim(claim))


class House:
    """An engine of the shop on memory fakes, with weather between them."""

    def __init__(self, folder: Path) -> None:
        log = MemoryLog()
        self.out = Outdoors(Weather(), MemoryTarget(SHARED), log, MemoryCatalog(log), MemoryClaims())
        self.weather = self.out.weather
        self.fixture_folder = folder
        self.reports: list[tuple[str, str]] = []
        self.engine = Engine(
            registry=Registry({"shop": SHOP}),
            planner=RulePlanner(),
            target=WeatheredTarget(self.out),
            database=self.out.target,
            log=WeatheredLog(self.out),
            catalog=WeatheredCatalog(self.out),
            claims=WeatheredClaims(self.out),
            baselines=MemoryBaselines(),
            fixtures=FixtureFolder(folder),
            server_key=b"a key of this server",
            report=self._report,
        )

    async def ask(self, key: str | None = None, *, scenario: str = "one_order", **request: object) -> Outcome:
        """Ask for data as Ann, with or without an idempotency key."""
        asked = Request(**{"scenario": scenario, "as_of": AS_OF, **request})  # pyright: ignore[reportArgumentType]
        return await self.engine.request(asked, Caller(invoker="human:ann", idempotency_key=key))

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
        """The runs that the process log opened and did not close."""
        marks = self.out.log.marks
        return {m.run_id for m in marks if m.kind == "open"} - {m.run_id for m in marks if m.kind == "close"}

    def _report(self, run_id: str, error: AtdmError) -> None:
        self.reports.append((run_id, error.code))
