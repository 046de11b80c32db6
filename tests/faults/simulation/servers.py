"""One server of the simulation: the real engine on the real store classes, in a process that can vanish."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from atdm_core import Engine, Registry
from atdm_core.errors import StoreUnavailable, TargetUnreachable
from atdm_core.fixtures import FixtureFolder
from atdm_core.planner import RulePlanner
from atdm_core.protocols import Services
from atdm_core.recovery import Recovery
from atdm_core.testing import MemoryBaselines, MemoryTarget
from atdm_server.store import ObjectAuditLog, ObjectCatalog, ObjectClaims, ObjectStore
from atdm_server.store.segments import SegmentLog
from tests.faults.simulation.bucket import Bucket, BucketStore
from tests.faults.simulation.promises import Promises
from tests.faults.simulation.target import BaselinesLink, TargetLink
from tests.faults.simulation.virtual_loop import Process, VirtualLoop
from tests.faults.simulation.weather import Link, Place, Weather
from tests.unit.atdm_core.shop import SHOP

__all__ = ["BEGINNING", "Design", "Server", "SimulatedEngine", "SimulatedRecovery", "Surroundings", "VirtualLog"]

BEGINNING: Final = datetime(2026, 7, 4, tzinfo=UTC)
KEY: Final = b"a key that the three servers share"
REGISTRY: Final = Registry({"shop": SHOP})  # finding strategies among the installed packages takes a while
STORE_TIMEOUT: Final = 4.0
TARGET_TIMEOUT: Final = 20.0


class VirtualLog(ObjectAuditLog):
    """The audit log, whose process log goes on in a new one by virtual time."""

    def __init__(self, store: ObjectStore, loop: VirtualLoop) -> None:
        super().__init__(store)
        self._segments = SegmentLog(store, clock=loop.time, wrote=self._logs.wrote)


class SimulatedRecovery(Recovery):
    """Recovery by virtual time."""

    def __init__(self, services: Services, report: Callable[[str, Exception], None], loop: VirtualLoop) -> None:
        super().__init__(services, report, monotonic=loop.time)

    def left_open(self) -> list[str]:
        """The runs that this process takes for begun and not ended."""
        return sorted({*self._unsettled, *self._abandoned})


class SimulatedEngine(Engine):
    """The engine, with a recovery by virtual time."""

    def __init__(self, design: "Design", loop: VirtualLoop, **parts: Any) -> None:
        super().__init__(**parts)
        self._recovery: SimulatedRecovery = design.recovery(self._services, self._report, loop)
        self._round = asyncio.Lock()

    async def sweep(self) -> None:
        """See `Engine.sweep`. One round at a time, as `keep_sweeping` has it."""
        async with self._round:
            await super().sweep()

    def left_open(self) -> list[str]:
        """The runs that this process takes for begun and not ended."""
        return self._recovery.left_open()


class Design(Struct, frozen=True):
    """What a simulation is made of. The planted bugs replace one part each."""

    engine: type[SimulatedEngine] = SimulatedEngine
    recovery: type[SimulatedRecovery] = SimulatedRecovery
    log: type[VirtualLog] = VirtualLog
    store: type[BucketStore] = BucketStore
    bucket: type[Bucket] = Bucket
    target: type[MemoryTarget] = MemoryTarget


class Surroundings(Struct, frozen=True, kw_only=True):
    """What all servers share."""

    design: Design
    loop: VirtualLoop
    weather: Weather
    audit: Bucket
    catalog: Bucket
    target: MemoryTarget
    baselines: MemoryBaselines
    promises: Promises
    report: Callable[[int, str, Exception], None]


class Server:
    """A place where an engine runs; after a crash another one may run there, which knows nothing of the first."""

    def __init__(self, number: int, skew: float, around: Surroundings) -> None:
        """`skew`: seconds that its clock is ahead."""
        self.number = number
        self._skew = timedelta(seconds=skew)
        self._around = around
        self.links: dict[Place, Link] = {
            "store": Link(number, "store", STORE_TIMEOUT, StoreUnavailable),
            "target": Link(number, "target", TARGET_TIMEOUT, TargetUnreachable),
        }
        self.process: Process
        self.engine: SimulatedEngine
        self.start()

    def start(self) -> None:
        """Run an engine in a new process."""
        around, design = self._around, self._around.design
        self.process = process = Process(around.loop)
        store, target = self.links["store"], self.links["target"]
        log = design.log(design.store(around.audit, process, store, around.weather), around.loop)
        catalog = design.store(around.catalog, process, store, around.weather)
        link = TargetLink(around.target, around.promises, process, target, around.weather)
        self.engine = design.engine(
            design,
            around.loop,
            registry=REGISTRY,
            planner=RulePlanner(),
            target=link,
            database=link,
            log=log,
            catalog=ObjectCatalog(catalog, log),
            claims=ObjectClaims(catalog),
            baselines=BaselinesLink(around.baselines, process, store, around.weather),
            fixtures=FixtureFolder(Path("nowhere")),
            server_key=KEY,
            clock=self._clock,
            report=self._report,
        )

    def _report(self, run_id: str, error: Exception) -> None:
        self._around.report(self.number, run_id, error)

    def _clock(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._around.loop.time()) + self._skew
