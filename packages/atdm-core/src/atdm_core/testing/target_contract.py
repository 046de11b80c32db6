"""The suite that every target inherits: the promises of a seed, a delete and the ledger between them."""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

from atdm_core.columns import constant
from atdm_core.errors import SeedFailed
from atdm_core.ids import new_id
from atdm_core.pack import Pack, generate
from atdm_core.protocols import Target
from atdm_core.table import Table
from atdm_core.values import Bundle

__all__ = ["TargetContract"]

_AS_OF = date(2026, 7, 4)


class TargetContract:
    """Inherit it as a pytest class, and provide the methods that raise here."""

    def open_target(self) -> Target:
        """A client of the target that is tested; made once for each test, used in one event loop."""
        raise NotImplementedError

    def a_pack(self) -> tuple[Pack, str]:
        """A pack whose entities the target has tables for, and a scenario of it."""
        raise NotImplementedError

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """The rows that the target holds now for a run, by table (a table without rows may be left out)."""
        raise NotImplementedError

    async def close_target(self, target: Target) -> None:
        """Called at the end of each test, in its event loop."""

    def test_seed_writes_every_row(self) -> None:
        """A seed writes each row of the bundle, and says how many."""

        async def story(target: Target) -> None:
            bundle = await self._bundle()
            receipt = await target.seed(bundle, None)
            assert dict(receipt.row_counts) == _counts(bundle)
            assert await self._held(target, bundle.run_id) == _counts(bundle)

        self._run(story)

    def test_seed_again_changes_nothing(self) -> None:
        """The same bundle sent again is answered alike and writes nothing."""

        async def story(target: Target) -> None:
            bundle = await self._bundle()
            first, second = await target.seed(bundle, None), await target.seed(bundle, None)
            assert first.row_counts == second.row_counts
            assert await self._held(target, bundle.run_id) == _counts(bundle)

        self._run(story)

    def test_other_bundle_is_refused(self) -> None:
        """Another bundle under the id of a seeded run is refused, and the first one stays."""

        async def story(target: Target) -> None:
            bundle = await self._bundle()
            await target.seed(bundle, None)
            await self._refused(target, await self._bundle(bundle.run_id, seed=2))
            assert await self._held(target, bundle.run_id) == _counts(bundle)

        self._run(story)

    def test_seed_is_atomic(self) -> None:
        """A bundle whose last table cannot be written leaves no row and no ledger entry behind."""

        async def story(target: Target) -> None:
            good = await self._bundle()
            await self._refused(target, _with_dangling_reference(good))
            assert await self._held(target, good.run_id) == {}
            await target.seed(good, None)
            assert await self._held(target, good.run_id) == _counts(good)

        self._run(story)

    def test_delete_reaches_its_own_run_only(self) -> None:
        """A delete removes all rows of its run and none of another, and repeating it is harmless."""

        async def story(target: Target) -> None:
            mine, other = await self._bundle(), await self._bundle()
            await target.seed(mine, None)
            await target.seed(other, None)
            first, second = await target.delete(mine.run_id), await target.delete(mine.run_id)
            assert _nonzero(first.deleted_counts) == _counts(mine)
            assert first.previous_state == "seeded"
            assert _nonzero(second.deleted_counts) == {}
            assert second.previous_state == "deleted"
            assert await self._held(target, mine.run_id) == {}
            assert await self._held(target, other.run_id) == _counts(other)

        self._run(story)

    def test_late_seed_is_refused(self) -> None:
        """A seed that arrives after the delete of its run is refused, whether or not the run was ever seeded."""

        async def story(target: Target) -> None:
            seeded, never = await self._bundle(), await self._bundle()
            await target.seed(seeded, None)
            for bundle in (seeded, never):
                await target.delete(bundle.run_id)
                await self._refused(target, bundle)
                assert await self._held(target, bundle.run_id) == {}

        self._run(story)

    def test_races_leave_no_orphan(self) -> None:
        """Whatever order a seed, its duplicate and a delete arrive in, a deleted run has no rows."""

        async def story(target: Target) -> None:
            for _ in range(25):
                bundle = await self._bundle()
                await asyncio.gather(
                    target.seed(bundle, None),
                    target.delete(bundle.run_id),
                    target.seed(bundle, None),
                    return_exceptions=True,
                )
                assert await self._held(target, bundle.run_id) == {}

        self._run(story)

    def test_expiry_is_told(self) -> None:
        """A time to live becomes a moment of expiry; without one there is none."""

        async def story(target: Target) -> None:
            assert (await target.seed(await self._bundle(), None)).expires_at is None
            assert (await target.seed(await self._bundle(), 3600)).expires_at is not None

        self._run(story)

    def _run(self, story: Any) -> None:
        async def told() -> None:
            target = self.open_target()
            try:
                await asyncio.wait_for(story(target), timeout=60)
            finally:
                await self.close_target(target)

        asyncio.run(told())

    async def _bundle(self, run_id: str | None = None, seed: int = 1) -> Bundle:
        pack, scenario = self.a_pack()
        plan = pack.plan(scenario, {}, seed=seed, as_of=_AS_OF)
        return generate(pack, plan, run_id or new_id())

    async def _refused(self, target: Target, bundle: Bundle) -> None:
        try:
            await target.seed(bundle, None)
        except SeedFailed:
            return
        raise AssertionError("the target took a bundle that it must refuse")

    async def _held(self, target: Target, run_id: str) -> dict[str, int]:
        return _nonzero(await self.row_counts(target, run_id))


def _counts(bundle: Bundle) -> dict[str, int]:
    return {name: len(table) for name, table in bundle.whole().items()}


def _nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _with_dangling_reference(bundle: Bundle) -> Bundle:
    name, tables = next((n, t) for n, t in reversed(list(bundle.tables.items())) if t[0].entity.refs())
    table = tables[0]
    column = next(iter(table.entity.refs()))
    broken = Table(table.entity, {**table.columns, column: constant("no-such-row", len(table))})
    return Bundle(bundle.run_id, {**bundle.tables, name: (broken,)})
