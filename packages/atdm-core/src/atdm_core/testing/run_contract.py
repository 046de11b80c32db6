"""The suite that every target inherits: the promises of a seed, a delete, a time, and the ledger between them."""

import asyncio

from atdm_core.errors import RunGone
from atdm_core.ids import new_id
from atdm_core.protocols import Target
from atdm_core.testing.target_stories import (
    BrokenOffError,
    TargetStories,
    counts_of,
    in_order,
    keys_of,
    leaning_on,
    nonzero,
    with_dangling_reference,
)

__all__ = ["RunContract"]


class RunContract(TargetStories):
    """See `TargetContract`, which has these tests too."""

    def test_seed_writes_every_row(self) -> None:
        """A seed writes each row of the bundle, and says how many."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            receipt = await target.seed(bundle, None)
            assert dict(receipt.row_counts) == counts_of(bundle)
            assert await self.held(target, bundle.run_id) == counts_of(bundle)

        self.tell(story)

    def test_seed_again_changes_nothing(self) -> None:
        """The same bundle sent again is answered alike and writes nothing."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            first, second = await target.seed(bundle, None), await target.seed(bundle, None)
            assert first.row_counts == second.row_counts
            assert first.keys == second.keys
            assert await self.held(target, bundle.run_id) == counts_of(bundle)

        self.tell(story)

    def test_other_bundle_is_refused(self) -> None:
        """Another bundle under the id of a seeded run is refused, and the first one stays."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            await target.seed(bundle, None)
            await self.assert_refused(target, await self.make_bundle(bundle.run_id, seed=2))
            assert await self.held(target, bundle.run_id) == counts_of(bundle)

        self.tell(story)

    def test_seed_is_atomic(self) -> None:
        """A bundle whose last table cannot be written leaves no row and no ledger entry behind."""

        async def story(target: Target) -> None:
            good = await self.make_bundle()
            await self.assert_refused(target, with_dangling_reference(good))
            assert await self.held(target, good.run_id) == {}
            await target.seed(good, None)
            assert await self.held(target, good.run_id) == counts_of(good)

        self.tell(story)

    def test_delete_reaches_its_own_run_only(self) -> None:
        """A delete removes all rows of its run and none of another, and repeating it is harmless."""

        async def story(target: Target) -> None:
            mine, other = await self.make_bundle(), await self.make_bundle()
            await target.seed(mine, None)
            await target.seed(other, None)
            first, second = await target.delete(mine.run_id), await target.delete(mine.run_id)
            assert nonzero(first.deleted_counts) == counts_of(mine)
            assert first.previous_state == "seeded"
            assert nonzero(second.deleted_counts) == {}
            assert second.previous_state == "deleted"
            assert await self.held(target, mine.run_id) == {}
            assert await self.held(target, other.run_id) == counts_of(other)

        self.tell(story)

    def test_late_seed_is_refused(self) -> None:
        """A seed that arrives after the delete of its run is refused, whether or not the run was ever seeded."""

        async def story(target: Target) -> None:
            seeded, never = await self.make_bundle(), await self.make_bundle()
            await target.seed(seeded, None)
            for bundle in (seeded, never):
                await target.delete(bundle.run_id)
                await self.assert_refused(target, bundle)
                assert await self.held(target, bundle.run_id) == {}

        self.tell(story)

    def test_races_leave_no_orphan(self) -> None:
        """Whatever order a seed, its duplicate, an expiry and a delete arrive in, a deleted run has no rows."""

        async def story(target: Target) -> None:
            for _ in range(25):
                bundle = await self.make_bundle()
                await asyncio.gather(
                    target.seed(bundle, 1),
                    target.delete(bundle.run_id),
                    target.expire(bundle.run_id),
                    target.seed(bundle, 1),
                    return_exceptions=True,
                )
                assert await self.held(target, bundle.run_id) == {}

        self.tell(story)

    def test_deletion_names_what_it_deleted(self) -> None:
        """The keys of the run's rows are told, and where nothing hung on them the residue is empty."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            receipt = await target.seed(bundle, None)
            deletion = await target.delete(bundle.run_id)
            assert {name: in_order(keys) for name, keys in deletion.deleted_keys.items()} == keys_of(bundle, receipt)
            assert list(deletion.residue) == []

        self.tell(story)

    def test_rows_of_another_run_forbid_a_deletion(self) -> None:
        """A run whose rows another run refers to stays whole, with the other's rows named, until that one is gone."""

        async def story(target: Target) -> None:
            mine = await self.make_bundle()
            other, table = leaning_on(mine, await target.seed(mine, None), await self.make_bundle())
            receipt = await target.seed(other, None)
            told = await self.find_in_the_way(target, mine.run_id)
            assert {(row["table"], row["deleted"]) for row in told} == {(table, False)}
            assert in_order(row["key"] for row in told) == keys_of(other, receipt)[table]
            for bundle in (mine, other):
                assert await self.held(target, bundle.run_id) == counts_of(bundle)
            for bundle in (other, mine):
                assert (await target.delete(bundle.run_id)).previous_state == "seeded"

        self.tell(story)

    def test_rows_of_no_run_go_with_those_they_refer_to(self) -> None:
        """What the system under test put under a run's rows is deleted with them, and told."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            receipt = await target.seed(bundle, None)
            planted = await self.plant(target, bundle)
            deletion = await target.delete(bundle.run_id)
            told = [(row.table, row.key, row.reason, row.deleted) for row in deletion.residue]
            assert told == ([(*planted, "references", True)] if planted else [])
            assert {name: in_order(keys) for name, keys in deletion.deleted_keys.items()} == keys_of(bundle, receipt)

        self.tell(story)

    def test_expiry_is_told(self) -> None:
        """A time to live becomes a moment of expiry, the same one for a repeated seed; without one there is none."""

        async def story(target: Target) -> None:
            assert (await target.seed(await self.make_bundle(), None)).expires_at is None
            bundle = await self.make_bundle()
            first = await target.seed(bundle, 3600)
            assert first.expires_at is not None
            assert (await target.seed(bundle, 3600)).expires_at == first.expires_at

        self.tell(story)

    def test_runs_expire_when_their_time_is_up(self) -> None:
        """A run whose time is up is listed, expires once with all its rows, and answers as deleted from then on."""

        async def story(target: Target) -> None:
            mine, other = await self.make_bundle(), await self.make_bundle()
            receipt = await target.seed(mine, 1)
            await target.seed(other, 3600)
            await self.await_expiry(target, mine.run_id)
            assert other.run_id not in await target.expired(1000)
            first, second = await target.expire(mine.run_id), await target.expire(mine.run_id)
            assert first is not None
            assert (first.previous_state, nonzero(first.deleted_counts)) == ("seeded", counts_of(mine))
            assert {name: in_order(keys) for name, keys in first.deleted_keys.items()} == keys_of(mine, receipt)
            assert second is not None
            assert (second.previous_state, nonzero(second.deleted_counts)) == ("deleted", {})
            assert mine.run_id not in await target.expired(1000)
            assert await self.held(target, mine.run_id) == {}
            assert await self.held(target, other.run_id) == counts_of(other)
            await self.assert_refused(target, mine)

        self.tell(story)

    def test_runs_do_not_expire_before_their_time(self) -> None:
        """A run that is not due, has no time or was never seeded is left alone, and can still be seeded."""

        async def story(target: Target) -> None:
            mortal, immortal, never = [await self.make_bundle() for _ in range(3)]
            await target.seed(mortal, 3600)
            await target.seed(immortal, None)
            for bundle in (mortal, immortal, never):
                assert await target.expire(bundle.run_id) is None
            await target.seed(never, None)
            for bundle in (mortal, immortal, never):
                assert await self.held(target, bundle.run_id) == counts_of(bundle)

        self.tell(story)

    def test_deleted_runs_answer_an_expiry(self) -> None:
        """A run that had a time and was deleted before answers as deleted; one that had none is not due."""

        async def story(target: Target) -> None:
            mortal, immortal = await self.make_bundle(), await self.make_bundle()
            await target.seed(mortal, 3600)
            await target.seed(immortal, None)
            for bundle in (mortal, immortal):
                await target.delete(bundle.run_id)
            expiry = await target.expire(mortal.run_id)
            assert expiry is not None
            assert expiry.previous_state == "deleted"
            assert await target.expire(immortal.run_id) is None

        self.tell(story)

    def test_extension_saves_a_run(self) -> None:
        """An extension counts from now, also for a run whose time is up or that had none, as long as it is there."""

        async def story(target: Target) -> None:
            overdue, immortal = await self.make_bundle(), await self.make_bundle()
            first = (await target.seed(overdue, 1)).expires_at
            await target.seed(immortal, None)
            await self.await_expiry(target, overdue.run_id)
            second = await target.extend(overdue.run_id, 3600)
            assert first is not None
            assert second > first
            assert await target.extend(overdue.run_id, 60) < second
            assert overdue.run_id not in await target.expired(1000)
            assert await target.expire(overdue.run_id) is None
            await target.extend(immortal.run_id, 1)
            await self.await_expiry(target, immortal.run_id)
            assert await target.expire(immortal.run_id) is not None
            assert await self.held(target, overdue.run_id) == counts_of(overdue)

        self.tell(story)

    def test_extension_comes_too_late(self) -> None:
        """A run that is deleted or was never seeded cannot be extended, and is what it was."""

        async def story(target: Target) -> None:
            deleted, never = await self.make_bundle(), await self.make_bundle()
            await target.seed(deleted, 3600)
            await target.delete(deleted.run_id)
            for bundle in (deleted, never):
                try:
                    await target.extend(bundle.run_id, 60)
                except RunGone:
                    continue
                raise AssertionError("the target extended a run that is not there")
            await self.assert_refused(target, deleted)
            assert (await target.delete(never.run_id)).previous_state is None

        self.tell(story)

    def test_overdue_runs_come_the_longest_first(self) -> None:
        """Of several runs whose time is up the one that has been due the longest is listed first."""

        async def story(target: Target) -> None:
            late, early = await self.make_bundle(), await self.make_bundle()
            await target.seed(late, 3600)
            await target.seed(early, 1)
            await self.await_expiry(target, early.run_id)
            await target.extend(late.run_id, 1)
            await self.await_expiry(target, late.run_id)
            listed = [run_id for run_id in await target.expired(1000) if run_id in (late.run_id, early.run_id)]
            assert listed == [early.run_id, late.run_id]
            assert len(await target.expired(1)) == 1

        self.tell(story)

    def test_seeded_runs_are_listed_by_id(self) -> None:
        """The runs that are seeded come by id, in pages, without those that are deleted."""

        async def story(target: Target) -> None:
            bundles = [await self.make_bundle(new_id()) for _ in range(4)]
            first, second, third, last = sorted(bundles, key=lambda bundle: bundle.run_id)
            for bundle in bundles:
                await target.seed(bundle, None)
            await target.delete(third.run_id)
            listed = list(await target.seeded(first.run_id, 1000))
            assert listed == [second.run_id, last.run_id]
            assert list(await target.seeded(first.run_id, 1)) == [second.run_id]
            assert first.run_id in await target.seeded("", 1000)

        self.tell(story)

    def test_load_writes_every_row(self) -> None:
        """A run that comes in pieces is written whole and counted, and is no other than a seeded one afterwards."""

        async def story(target: Target) -> None:
            run = self.make_large_run()
            if not self.takes_loads:
                await self.assert_load_refused(target, run)
                assert (await target.delete(run.volume.run_id)).previous_state is None
                return
            receipt = await target.load(run.load(), 3600)
            assert nonzero(receipt.row_counts) == run.counts() == await self.held(target, run.volume.run_id)
            assert receipt.expires_at is not None
            assert run.volume.run_id in await target.seeded("", 1000)
            deletion = await target.delete(run.volume.run_id)
            assert (deletion.previous_state, nonzero(deletion.deleted_counts)) == ("seeded", run.counts())
            await self.assert_load_refused(target, run)
            assert await self.held(target, run.volume.run_id) == {}

        self.tell(story)

    def test_load_again_changes_nothing(self) -> None:
        """The same run loaded again is answered alike; other rows under its id are refused, and those there stay."""

        async def story(target: Target) -> None:
            if not self.takes_loads:
                return
            run = self.make_large_run()
            first, second = await target.load(run.load(), 3600), await target.load(run.load(), 3600)
            assert nonzero(first.row_counts) == nonzero(second.row_counts)
            assert first.expires_at == second.expires_at
            await self.assert_load_refused(target, self.make_large_run(run.volume.run_id, seed=2))
            assert await self.held(target, run.volume.run_id) == run.counts()

        self.tell(story)

    def test_load_that_breaks_off_leaves_nothing(self) -> None:
        """A load whose rows do not come to an end writes none of them, and can be begun again."""

        async def story(target: Target) -> None:
            if not self.takes_loads:
                return
            run = self.make_large_run()
            try:
                await target.load(run.load(breaks_off=True), None)
            except BrokenOffError:
                pass
            else:
                raise AssertionError("the target took half of a run")
            assert await self.held(target, run.volume.run_id) == {}
            await target.load(run.load(), None)
            assert await self.held(target, run.volume.run_id) == run.counts()

        self.tell(story)

    def test_ledger_entry_is_told(self) -> None:
        """A run is described by its state, its rows and its time; one that nobody knows is not."""

        async def story(target: Target) -> None:
            bundle = await self.make_bundle()
            assert await target.describe(bundle.run_id) is None
            receipt = await target.seed(bundle, 3600)
            entry = await target.describe(bundle.run_id)
            assert entry is not None
            assert (entry.state, nonzero(entry.row_counts)) == ("seeded", counts_of(bundle))
            assert (entry.expires_at, entry.taken_back_by) == (receipt.expires_at, None)

        self.tell(story)
