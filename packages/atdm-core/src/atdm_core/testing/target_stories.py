"""What the suite of targets is told with: a target to open, bundles to seed, and a look at what is left."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, ClassVar

import msgspec
import pyarrow as pa

from atdm_core.columns import constant
from atdm_core.errors import ResetFailed, SeedFailed
from atdm_core.ids import new_id
from atdm_core.pack import Pack, generate
from atdm_core.protocols import Database, Load, Target
from atdm_core.run import put_keys
from atdm_core.table import Table
from atdm_core.values import Bundle, SeedReceipt
from atdm_core.volume import Volume, shards_of
from atdm_core.volume_arrow import ShardRows, rows_of

__all__ = [
    "BrokenOffError",
    "LargeRun",
    "TargetStories",
    "counts_of",
    "in_order",
    "keys_of",
    "leaning_on",
    "new_taker",
    "nonzero",
    "with_dangling_reference",
]

_AS_OF = date(2026, 7, 4)


@dataclass(frozen=True)
class LargeRun:
    """A run that is loaded: a few bundles in several shards, so that tables come more than once."""

    volume: Volume
    pack: Pack
    shards: Sequence[ShardRows]

    def load(self, *, breaks_off: bool = False) -> Load:
        """Its rows, to be read once; `breaks_off`: up to the last, where whoever makes them fails."""
        digest = sha256(msgspec.json.encode(self.volume, order="deterministic")).hexdigest()
        groups = self._groups(breaks_off=breaks_off)
        return Load(run_id=self.volume.run_id, sha256=digest, entities=self.pack.entities, groups=groups)

    async def _groups(self, *, breaks_off: bool) -> AsyncIterator[Iterable[tuple[str, pa.RecordBatch]]]:
        for shard in self.shards:
            yield shard.batches()
        if breaks_off:
            raise BrokenOffError

    def counts(self) -> dict[str, int]:
        """The number of rows, by table."""
        counts: dict[str, int] = {}
        for shard in self.shards:
            for name, batch in shard.batches():
                counts[name] = counts.get(name, 0) + batch.num_rows
        return counts


class BrokenOffError(Exception):
    """Whoever makes the rows of a large run fails."""


class TargetStories:
    """Provide the methods that raise here.

    Nobody else may use the target meanwhile: its runs are deleted, and those whose time is up are looked for.
    """

    takes_loads: ClassVar[bool] = True
    """False where the target only takes runs that are seeded, and refuses those that are loaded."""

    def open_target(self) -> Target:
        """A client of the target that is tested; made once for each test, used in one event loop."""
        raise NotImplementedError

    def a_pack(self) -> tuple[Pack, str]:
        """A pack whose entities the target has tables for, and a scenario of it."""
        raise NotImplementedError

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """The rows that the target holds now for a run, by table (a table without rows may be left out)."""
        raise NotImplementedError

    def open_database(self, target: Target) -> Database:
        """The database behind it; made at most once for each test, used in the same event loop."""
        raise NotImplementedError

    async def close_target(self, target: Target) -> None:
        """Called at the end of each test, in its event loop."""

    async def await_expiry(self, target: Target, run_id: str) -> None:
        """Return when the time of a run that may live for one second is up.

        This one waits; turn the clock if you can.
        """
        async with asyncio.timeout(10):
            while run_id not in await target.expired(1000):  # noqa: ASYNC110 - it is another's clock
                await asyncio.sleep(0.05)

    async def plant(self, target: Target, bundle: Bundle) -> tuple[str, Mapping[str, Any]] | None:
        """Let the system under test put a row of no run under one of the bundle's rows; its table and key.

        None, as here: there is no table that such a row would fit into.
        """
        del target, bundle
        return None

    def tell(self, story: Any) -> None:
        """Run a story with a target of its own, for at most a minute."""

        async def told() -> None:
            target = self.open_target()
            try:
                await asyncio.wait_for(story(target), timeout=60)
            finally:
                await self.close_target(target)

        asyncio.run(told())

    async def make_bundle(self, run_id: str | None = None, seed: int = 1) -> Bundle:
        """A bundle of the pack, of another run each time."""
        pack, scenario = self.a_pack()
        plan = pack.plan(scenario, {}, seed=seed, as_of=_AS_OF)
        return generate(pack, plan, run_id or new_id())

    def make_large_run(self, run_id: str | None = None, seed: int = 1) -> LargeRun:
        """A run of the pack's scenario, five times, of another id each time."""
        pack, scenario = self.a_pack()
        volume = Volume(
            domain=pack.name,
            pack_version=pack.version,
            mix={scenario: 1},
            count=5,
            shard_size=2,
            seed=seed,
            as_of=_AS_OF,
            run_id=run_id or new_id(),
        )
        return LargeRun(volume, pack, [rows_of(volume, pack, shard) for shard in shards_of(volume, pack)])

    async def assert_load_refused(self, target: Target, run: LargeRun) -> None:
        """Load a run that the target must refuse."""
        try:
            await target.load(run.load(), None)
        except SeedFailed:
            return
        raise AssertionError("the target took a run that it must refuse")

    async def assert_refused(self, target: Target, bundle: Bundle) -> None:
        """Seed a bundle that the target must refuse."""
        try:
            await target.seed(bundle, None)
        except SeedFailed:
            return
        raise AssertionError("the target took a bundle that it must refuse")

    async def find_in_the_way(self, target: Target, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The rows for whose sake the target refuses to delete a run."""
        try:
            await target.delete(run_id)
        except ResetFailed as refusal:
            details: Any = refusal.details
        else:
            raise AssertionError("the target deleted rows that another run refers to")
        assert details["target_code"] == "ROWS_REFERENCED"
        return details["target_details"]["residue"]

    async def held(self, target: Target, run_id: str) -> dict[str, int]:
        """The rows that the target holds for a run, by table, without those that have none."""
        return nonzero(await self.row_counts(target, run_id))


def counts_of(bundle: Bundle) -> dict[str, int]:
    """The number of rows, by table."""
    return {name: len(table) for name, table in bundle.whole().items()}


def keys_of(bundle: Bundle, receipt: SeedReceipt) -> dict[str, list[Mapping[str, Any]]]:
    """The keys of all rows, by table, as the target has them."""
    return {
        name: in_order({table.entity.key: put_keys(row[table.entity.key], receipt.keys)} for row in table.rows())
        for name, table in bundle.whole().items()
    }


def in_order(keys: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keys in an order of their own, to compare."""
    return sorted(keys, key=repr)


def nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    """The tables that have any."""
    return {name: count for name, count in counts.items() if count}


def with_dangling_reference(bundle: Bundle) -> Bundle:
    """The bundle, its last table referring to a row that is not there."""
    name, tables = next((n, t) for n, t in reversed(list(bundle.tables.items())) if t[0].entity.refs())
    table = tables[0]
    column = next(iter(table.entity.refs()))
    broken = Table(table.entity, {**table.columns, column: constant("no-such-row", len(table))})
    return Bundle(bundle.run_id, {**bundle.tables, name: (broken,)})


def leaning_on(bundle: Bundle, receipt: SeedReceipt, other: Bundle) -> tuple[Bundle, str]:
    """The `other` bundle, with the rows of one table, which is named, referring to a row of `bundle`, as received."""
    name, column, parent = next(
        (name, column, parent)
        for name, tables in other.tables.items()
        for column, parent in tables[0].entity.refs().items()
        if parent in bundle.tables
    )
    entity = bundle.tables[parent][0].entity
    key = put_keys(bundle.keys()[entity.key], receipt.keys)
    tables = tuple(
        Table(table.entity, {**table.columns, column: constant(key, len(table))}) for table in other.tables[name]
    )
    return Bundle(other.run_id, {**other.tables, name: tables}), name


def new_taker() -> str:
    """The id of somebody who takes all runs back."""
    return f"strategy-reset_all-{new_id()}"
