"""What goes wrong between the engine and its surroundings: wrappers around the memory fakes that fail as told."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from atdm_core import Bundle
from atdm_core.audit import Mark, Part, Trail
from atdm_core.protocols import Export, Load, LogNews
from atdm_core.testing import MemoryCatalog, MemoryClaims, MemoryLog, MemoryTarget
from atdm_core.values import CatalogQuery, CatalogRow, Claim, Deletion, LedgerEntry, SeedReceipt, TableDigest

__all__ = [
    "Died",
    "TownLog",
    "Weather",
    "WeatheredCatalog",
    "WeatheredClaims",
    "WeatheredDatabase",
    "WeatheredLog",
    "WeatheredTarget",
    "When",
]

T = TypeVar("T")
When = Literal["before", "after"]

Fault: TypeAlias = tuple[When, BaseException] | None
"""What happens to a call: None is nothing."""

PATIENT = 5.0  # seconds that a test waits for what must come


class Died(BaseException):
    """The process is dead: the call is never answered, and none after it has an effect."""


class Weather:
    """Notes every call by name, fails those that it was told to, before or after they did their work."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.dead = False
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._gates: dict[tuple[str, When], tuple[asyncio.Event, asyncio.Event]] = {}
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def fails(self, call: str, error: Exception, *, when: When = "before", times: int = 1, skip: int = 0) -> None:
        """Let calls of this name fail, the next ones or after some more. `after`: the work is done, its answer lost."""
        fault: Fault = (when, error)
        self._add(call, skip, [fault] * times)

    def dies(self, call: str, when: When, *, skip: int = 0) -> None:
        """Let the process die at the next call of this name, or after some more of them.

        `before`: whatever else was begun at the same time comes to its end first.
        """
        self._add(call, skip, [(when, Died())])

    def clears(self) -> None:
        """Let nothing fail any more."""
        self._faults.clear()

    def holds(self, call: str, when: When = "after") -> tuple[asyncio.Event, asyncio.Event]:
        """Hold calls of this name before or after their work: (one is held, let them go)."""
        self._gates[call, when] = (asyncio.Event(), asyncio.Event())
        return self._gates[call, when]

    async def ended(self, call: str) -> None:
        """Return when a call of this name has ended well."""
        await asyncio.wait_for(self._ended[call].wait(), PATIENT)

    def ends_anew(self, call: str) -> None:
        """Forget that calls of this name have ended."""
        self._ended[call].clear()

    async def carry(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, in this weather."""
        if self.dead:
            raise Died
        self.calls.append(call)
        fault = self._faults[call].popleft() if self._faults[call] else None
        when, error = fault or (None, None)
        await self._hold(call, "before")
        if error and when == "before":
            for _ in range(5 if isinstance(error, Died) else 0):
                await asyncio.sleep(0)
            self._strike(error)
        result = await work()
        await self._hold(call, "after")
        if error:
            self._strike(error)
        self._ended[call].set()
        return result

    def _add(self, call: str, skip: int, faults: Sequence[Fault]) -> None:
        self._faults[call].extend([None] * skip)
        self._faults[call].extend(faults)

    async def _hold(self, call: str, when: When) -> None:
        if (call, when) in self._gates:
            held, go = self._gates[call, when]
            held.set()
            await go.wait()

    def _strike(self, error: BaseException) -> None:
        self.dead = self.dead or isinstance(error, Died)
        raise error


class TownLog(MemoryLog):
    """The audit log of several processes, with a process log for each."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[str, list[Mark]] = {}
        self.retired: set[str] = set()

    async def note_in(self, log_id: str, mark: Mark) -> None:
        """Put a mark into one of the process logs."""
        await self.note(mark)
        self.logs.setdefault(log_id, []).append(mark)

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """See `AuditLog.marks`."""
        in_use = {log_id: marks for log_id, marks in self.logs.items() if log_id not in self.retired}
        news = [(log_id, mark) for log_id, marks in in_use.items() for mark in marks[seen.get(log_id, 0) :]]
        return LogNews(news, {log_id: len(marks) for log_id, marks in in_use.items()})

    async def retire(self, log_id: str) -> None:
        """See `AuditLog.retire`."""
        self.retired.add(log_id)


class WeatheredTarget:
    """See `Target`."""

    def __init__(self, weather: Weather, target: MemoryTarget) -> None:
        self._weather = weather
        self._target = target

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        return await self._weather.carry("target.seed", lambda: self._target.seed(bundle, ttl_seconds))

    async def load(self, load: Load, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.load`."""
        return await self._weather.carry("target.load", lambda: self._target.load(load, ttl_seconds))

    async def delete(self, run_id: str) -> Deletion:
        """See `Target.delete`."""
        return await self._weather.carry("target.delete", lambda: self._target.delete(run_id))

    async def extend(self, run_id: str, ttl_seconds: int) -> datetime:
        """See `Target.extend`."""
        return await self._weather.carry("target.extend", lambda: self._target.extend(run_id, ttl_seconds))

    async def expired(self, limit: int) -> Sequence[str]:
        """See `Target.expired`."""
        return await self._weather.carry("target.expired", lambda: self._target.expired(limit))

    async def expire(self, run_id: str) -> Deletion | None:
        """See `Target.expire`."""
        return await self._weather.carry("target.expire", lambda: self._target.expire(run_id))

    async def seeded(self, after: str, limit: int) -> Sequence[str]:
        """See `Target.seeded`."""
        return await self._weather.carry("target.seeded", lambda: self._target.seeded(after, limit))

    async def describe(self, run_id: str) -> LedgerEntry | None:
        """See `Target.describe`."""
        return await self._weather.carry("target.describe", lambda: self._target.describe(run_id))

    async def check(self) -> None:
        """See `Target.check`."""
        await self._weather.carry("target.check", self._target.check)


class WeatheredDatabase:
    """See `Database`."""

    def __init__(self, weather: Weather, target: MemoryTarget) -> None:
        self._weather = weather
        self._target = target

    async def delete_all(self, by: str) -> Deletion:
        """See `Database.delete_all`."""
        return await self._weather.carry("database.delete_all", lambda: self._target.delete_all(by))

    async def taken_back(self, by: str, after: str, limit: int) -> Sequence[str]:
        """See `Database.taken_back`."""
        return await self._weather.carry("database.taken_back", lambda: self._target.taken_back(by, after, limit))

    async def digest(self) -> Mapping[str, TableDigest]:
        """See `Database.digest`."""
        return await self._weather.carry("database.digest", self._target.digest)

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[Export]:
        """See `Database.export`."""
        async with self._target.export() as export:
            yield export

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """See `Database.restore`."""
        return await self._weather.carry("database.restore", lambda: self._target.restore(export, by))


class WeatheredLog:
    """See `AuditLog`."""

    def __init__(self, weather: Weather, log: TownLog, log_id: str) -> None:
        self._weather = weather
        self._log = log
        self._log_id = log_id

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        await self._weather.carry(f"log.{mark.kind}", lambda: self._log.note_in(self._log_id, mark))

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """See `AuditLog.marks`."""
        return await self._weather.carry("log.marks", lambda: self._log.marks(seen))

    async def retire(self, log_id: str) -> None:
        """See `AuditLog.retire`."""
        await self._weather.carry("log.retire", lambda: self._log.retire(log_id))

    async def append(self, part: Part) -> None:
        """See `AuditLog.append`."""
        await self._weather.carry("log.append", lambda: self._log.append(part))

    async def read(self, run_id: str) -> Trail | None:
        """See `AuditLog.read`."""
        return await self._weather.carry("log.read", lambda: self._log.read(run_id))

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """See `AuditLog.strategies`."""
        return await self._weather.carry("log.strategies", lambda: self._log.strategies(limit))


class WeatheredCatalog:
    """See `Catalog`."""

    def __init__(self, weather: Weather, catalog: MemoryCatalog) -> None:
        self._weather = weather
        self._catalog = catalog

    async def record(self, row: CatalogRow) -> None:
        """See `Catalog.record`."""
        await self._weather.carry("catalog.record", lambda: self._catalog.record(row))

    async def find(self, run_id: str) -> CatalogRow | None:
        """See `Catalog.find`."""
        return await self._weather.carry("catalog.find", lambda: self._catalog.find(run_id))

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """See `Catalog.runs`."""
        return await self._weather.carry("catalog.runs", lambda: self._catalog.runs(query))


class WeatheredClaims:
    """See `Claims`."""

    def __init__(self, weather: Weather, claims: MemoryClaims) -> None:
        self._weather = weather
        self._claims = claims

    async def claim(self, claim: Claim) -> Claim:
        """See `Claims.claim`."""
        return await self._weather.carry("claims.claim", lambda: self._claims.claim(claim))
