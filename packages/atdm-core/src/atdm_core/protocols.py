"""The seams: what the engine speaks to. Each is small, and each has a real fake in `atdm_core.testing`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa
from msgspec import Struct, field

from atdm_core.audit.trail import Clock, Mark, Part, Trail
from atdm_core.draw import Seed
from atdm_core.entity import Entity
from atdm_core.recent import RecentRuns
from atdm_core.table import Table
from atdm_core.values import (
    Bundle,
    CatalogQuery,
    CatalogRow,
    Claim,
    Deletion,
    Finding,
    LedgerEntry,
    Manifest,
    Plan,
    Request,
    SeedReceipt,
    TableDigest,
)

if TYPE_CHECKING:
    from atdm_core.pack import Pack

__all__ = [
    "PULSE",
    "AuditLog",
    "Baselines",
    "Brief",
    "Catalog",
    "Claims",
    "Database",
    "Export",
    "Load",
    "LogNews",
    "Order",
    "Planner",
    "Services",
    "Strategy",
    "Target",
    "Validator",
]


class Brief(Struct, frozen=True, kw_only=True):
    """What a planner is told: the pack, what was asked for, and what the values are a function of."""

    pack: Pack
    request: Request
    seed: Seed
    as_of: date


class Planner(Protocol):
    """Chooses the steps for a request. Entry-point group `atdm.planners`; the value is a factory without arguments."""

    async def plan(self, brief: Brief) -> Plan:
        """The plan; `ScenarioNotFound`, `UnknownConstraint` or `InvalidConstraint` when there can be none."""
        ...


class Validator(Protocol):
    """A deterministic rule over a bundle."""

    @property
    def name(self) -> str:
        """The dotted name, `<kind>.<rule>`."""
        ...

    def judge(self, tables: Mapping[str, Table]) -> Finding:
        """The finding on a bundle's rows, by entity."""
        ...


class Load(Struct, frozen=True, kw_only=True):
    """The rows of a run that are too many to be held at once; `sha256` (hex) tells which rows they are.

    `groups` gives the rows group by group, and can be read once: each the (table, rows) of some bundles, parents before
    the rows that refer to them, to be read before the next. No row refers to one of another group. `entities` has each
    table's.
    """

    run_id: str
    sha256: str
    entities: Mapping[str, Entity]
    groups: AsyncIterator[Iterable[tuple[str, pa.RecordBatch]]]


class Target(Protocol):
    """The system under test that receives bundles. It keeps a ledger of runs (docs/reference/target-contract.md)."""

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """Write the whole bundle in one transaction; the same bundle again changes nothing.

        `SeedFailed` when the target refuses, `TargetUnreachable` when nobody knows whether it wrote.
        """
        ...

    async def load(self, load: Load, ttl_seconds: int | None) -> SeedReceipt:
        """Write all rows in one transaction, as `seed` writes a bundle; its time counts from the end of the load.

        It takes as long as there are rows. Whoever stops reading `groups` has written nothing.
        """
        ...

    async def delete(self, run_id: str) -> Deletion:
        """Delete the run's rows and leave a tombstone, so that a late seed is refused. Repeating it is harmless.

        `ResetFailed` when the target refuses, `TargetUnreachable` when nobody knows whether it deleted.
        """
        ...

    async def extend(self, run_id: str, ttl_seconds: int) -> datetime:
        """Let the run live `ttl_seconds` from now, by the target's clock; when that is over.

        `RunGone` when it is deleted or was never seeded.
        """
        ...

    async def expired(self, limit: int) -> Sequence[str]:
        """The runs that are seeded and whose time is up by the target's clock, the longest overdue first."""
        ...

    async def expire(self, run_id: str) -> Deletion | None:
        """Like `delete`, if the run's time is up; None when it is not (any more), or somebody else is at it now.

        A run that is deleted already, and had a time, answers as one whose time is up.
        """
        ...

    async def seeded(self, after: str, limit: int) -> Sequence[str]:
        """The runs that are seeded, by id, those greater than `after`."""
        ...

    async def describe(self, run_id: str) -> LedgerEntry | None:
        """What the ledger has of a run now; None when it knows nothing of it."""
        ...

    async def check(self) -> None:
        """Return when the target answers; `TargetUnreachable` when it does not."""
        ...


class AuditLog(Protocol):
    """Where trails live. What it has accepted is durable; nothing in it is edited or deleted."""

    async def note(self, mark: Mark) -> None:
        """Put a mark into the process log.

        An `open` mark is durable on return. The others may follow later, and are no reason to fail: a run without a
        `close` is taken for open, and looked at again.
        """
        ...

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """The marks of all processes beyond those that were `seen`: segments by process log, as told the last time."""
        ...

    async def retire(self, log_id: str) -> None:
        """Leave a process log out of `marks` from now on: it has ended, and none of its runs is open."""
        ...

    async def append(self, part: Part) -> None:
        """Store a part of a trail; `TrailConflict` when that version exists. Version 0 decides the run."""
        ...

    async def read(self, run_id: str) -> Trail | None:
        """The trail, its chain checked (`TrailBroken`); None when the run has none."""
        ...

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """The trails of the newest strategies, newest first."""
        ...


class LogNews(Struct, frozen=True):
    """What is new in the process logs: (log, mark) in the order of each log, and the segments seen by now."""

    marks: Sequence[tuple[str, Mark]]
    seen: Mapping[str, int]


class Catalog(Protocol):
    """One row per run: what was asked for, its status, the hash of its cleanup token."""

    async def record(self, row: CatalogRow) -> None:
        """Store the row of a run; where the run has one already, that one stands."""
        ...

    async def find(self, run_id: str) -> CatalogRow | None:
        """The row as it was recorded, or None."""
        ...

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """The rows that match, newest first, with the status the runs have now."""
        ...


class Claims(Protocol):
    """Idempotency keys."""

    async def claim(self, claim: Claim) -> Claim:
        """Store the claim when its key is free; the claim that now holds the key, in either case."""
        ...


class Export(Struct, frozen=True, kw_only=True):
    """All tables of one moment, parents first. `batches` gives (table, rows) in that order, and can be read once."""

    schema_version: str
    captured_at: datetime
    tables: tuple[str, ...]
    batches: AsyncIterator[tuple[str, pa.RecordBatch]]


class Database(Protocol):
    """The target as a whole, beside its runs.

    What deletes or replaces the rows of many runs is done `by` a strategy, whose id the ledger takes as it takes a
    run's: once. So it is done once, and not at all after a deletion of that id.
    """

    async def delete_all(self, by: str) -> Deletion:
        """Delete the rows of every run, shared rows excepted, and leave tombstones. `ResetFailed`."""
        ...

    async def taken_back(self, by: str, after: str, limit: int) -> Sequence[str]:
        """The runs that a strategy took back, by id, those greater than `after`.

        Not among them are runs of which a restored baseline has rows; who deletes or replaces those takes them back.
        """
        ...

    async def digest(self) -> Mapping[str, TableDigest]:
        """The content of every table, at one moment. `SnapshotFailed`."""
        ...

    def export(self) -> AbstractAsyncContextManager[Export]:
        """Read every table in one consistent snapshot. `SnapshotFailed`, also while the batches are read."""
        ...

    async def restore(self, export: Export, by: str) -> Mapping[str, int]:
        """Replace the rows of all tables in one transaction; the rows restored, by table.

        `BaselineSchemaDrift` when the target's schema is another, `RestoreFailed`: the tables are as they were.
        """
        ...


class Baselines(Protocol):
    """Where baselines are kept: all tables of one moment, under a name."""

    async def save(self, baseline_id: str, export: Export, by: str) -> Manifest:
        """Keep an export under a new name, on behalf of the strategy with the id `by`. `BaselineExists`."""
        ...

    def open(self, baseline_id: str | None) -> AbstractAsyncContextManager[tuple[Manifest, Export]]:
        """The baseline of this name, else the latest, with every hash checked before the first batch.

        `BaselineNotFound`, `NoBaseline`, `BaselineDamaged`.
        """
        ...

    async def manifests(self) -> Sequence[Manifest]:
        """All baselines, newest first."""
        ...


PULSE: Final = 10.0  # seconds; recovery has several times that patience


class Services(Struct, frozen=True, kw_only=True):
    """What a reset strategy works with.

    `pulse`: seconds after which whoever works long on an open run says again that it does, and is not taken for dead.
    """

    target: Target
    database: Database
    log: AuditLog
    catalog: Catalog
    baselines: Baselines
    clock: Clock
    recent: RecentRuns = field(default_factory=RecentRuns)
    pulse: float = PULSE


class Order(Struct, frozen=True, kw_only=True):
    """What a reset strategy is told: who asks, and the options of the route or command."""

    invoker: str
    options: Mapping[str, Any]


class Strategy(Protocol):
    """A way to put the target back. Entry-point group `atdm.strategies`; the value is a factory from `Services`."""

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """Do it, record it, and answer what was done."""
        ...
