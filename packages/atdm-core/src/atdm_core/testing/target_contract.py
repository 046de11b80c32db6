"""The suite that every target inherits: what it promises of a run, and here of all of them together."""

from atdm_core.errors import TargetError
from atdm_core.protocols import Target
from atdm_core.testing.run_contract import RunContract
from atdm_core.testing.target_stories import counts_of, leaning_on, new_taker, nonzero

__all__ = ["TargetContract"]


class TargetContract(RunContract):
    """Inherit it as a pytest class, and provide the methods that raise in `TargetStories`.

    The last test takes all runs back, so that the suite leaves nothing behind.
    """

    def test_digest_proves_that_nothing_is_left(self) -> None:
        """A run changes the digests of the tables it writes to, and its deletion brings the old ones back."""

        async def story(target: Target) -> None:
            database, bundle = self.open_database(target), await self.make_bundle()
            before = await database.digest()
            await target.seed(bundle, None)
            between = await database.digest()
            assert {name for name in between if between[name] != before.get(name)} == set(counts_of(bundle))
            for name, count in counts_of(bundle).items():
                assert between[name].rows == count + (before[name].rows if name in before else 0)
            await target.delete(bundle.run_id)
            assert await database.digest() == before

        self.tell(story)

    def test_who_takes_all_runs_back_is_told(self) -> None:
        """The ledger tells the runs that a deletion of all took back, each by the last one, and that one of itself."""

        async def story(target: Target) -> None:
            database, bundles = self.open_database(target), [await self.make_bundle() for _ in range(3)]
            first, second = new_taker(), new_taker()
            await database.delete_all(new_taker())
            for by, taken in ((first, bundles[:2]), (second, bundles[2:])):
                for bundle in taken:
                    await target.seed(bundle, None)
                await database.delete_all(by)
                run_ids = sorted(bundle.run_id for bundle in taken)
                assert list(await database.taken_back(by, "", 1000)) == run_ids
                assert list(await database.taken_back(by, run_ids[0], 1000)) == run_ids[1:]
                assert list(await database.taken_back(by, "", 1)) == run_ids[:1]
                for run_id in (*run_ids, by):
                    entry = await target.describe(run_id)
                    assert entry is not None
                    assert (entry.state, entry.taken_back_by, nonzero(entry.row_counts)) == ("deleted", by, {})

        self.tell(story)

    def test_all_runs_are_taken_back_once(self) -> None:
        """A deletion of all is refused when it comes again under its id, or after that id was deleted: runs stay."""

        async def story(target: Target) -> None:
            database, bundle = self.open_database(target), await self.make_bundle()
            done, given_up = new_taker(), new_taker()
            await database.delete_all(done)
            await target.delete(given_up)
            await target.seed(bundle, None)
            for by in (done, given_up):
                try:
                    await database.delete_all(by)
                except TargetError:
                    pass
                else:
                    raise AssertionError("the target took all runs back twice for one who asked once")
            assert await self.held(target, bundle.run_id) == counts_of(bundle)
            entry = await target.describe(given_up)
            assert entry is not None
            assert entry.taken_back_by is None

        self.tell(story)

    def test_all_runs_are_deleted_together(self) -> None:
        """A deletion of all takes every run, with what hangs on it, and none of them can be seeded again."""

        async def story(target: Target) -> None:
            mine = await self.make_bundle()
            other, _ = leaning_on(mine, await target.seed(mine, None), await self.make_bundle())
            await target.seed(other, 3600)
            planted = await self.plant(target, mine)
            deletion = await self.open_database(target).delete_all(new_taker())
            assert [row.table for row in deletion.residue] == ([planted[0]] if planted else [])
            assert list(await target.seeded("", 1000)) == []
            for bundle in (mine, other):
                assert await self.held(target, bundle.run_id) == {}
                await self.assert_refused(target, bundle)

        self.tell(story)
