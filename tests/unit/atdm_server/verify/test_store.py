"""Verification of a store: what is in order, what a crash leaves, and what else is told of."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from atdm_core import Caller, Engine, Registry, Request
from atdm_core.audit import Mark, encode_entries, utc_now
from atdm_core.errors import StoreUnavailable, TargetUnreachable, TokenMismatch, ValidatorRejected
from atdm_core.fixtures import FixtureFolder
from atdm_core.ids import cleanup_token, token_sha256
from atdm_core.testing import MemoryBaselines, MemoryClaims, MemoryTarget
from atdm_core.values import Bundle, SeedReceipt
from atdm_server.store import open_stores, probe_stores
from atdm_server.store import segments as segments_module
from atdm_server.store.signing import load_signer
from atdm_server.verify import store as verify_module
from atdm_server.verify import verify_store
from tests.recorded_runs import RecordedRuns
from tests.s3 import S3
from tests.signing_keys import a_key_pair

SHARED = {
    "procedure_code": ("99213", "99214", "70553", "00000"),
    "diagnosis_code": ("Z00.00", "M54.5", "R51", "ZZZ.99"),
}


@pytest.fixture
def runs(tmp_path: Path) -> RecordedRuns:
    """An empty store."""
    return RecordedRuns(tmp_path / "store")


class FailingTarget(MemoryTarget):
    """A target that can be out of reach."""

    down = False

    async def seed(self, bundle: Bundle, ttl_seconds: int | None) -> SeedReceipt:
        """See `Target.seed`."""
        if self.down:
            raise TargetUnreachable("down")
        return await super().seed(bundle, ttl_seconds)


def engine_on(runs: RecordedRuns, target: MemoryTarget, folder: Path) -> Engine:
    """The engine with the healthcare pack, on this store."""
    registry = Registry()
    return Engine(
        registry=registry,
        planner=registry.planner("rule"),
        target=target,
        database=target,
        log=runs.log,
        catalog=runs.catalog,
        claims=MemoryClaims(),
        baselines=MemoryBaselines(),
        fixtures=FixtureFolder(folder),
        server_key=b"the key of a server",
        report=lambda run_id, error: None,
    )


async def test_what_the_engine_writes_is_in_order(runs: RecordedRuns, tmp_path: Path) -> None:
    """Whatever ways a run may go, a verification has nothing to say about what the engine stores of it."""
    target = FailingTarget(SHARED)
    engine = engine_on(runs, target, tmp_path / "fixtures")
    caller = Caller(invoker="human:ann")
    request = Request(scenario="active_member_clean")
    first = await engine.request(request, Caller(invoker="human:ann", idempotency_key="k"))
    again = await engine.request(request, Caller(invoker="human:bob", idempotency_key="k"))
    assert again.test_run_id == first.test_run_id
    with pytest.raises(TokenMismatch):
        await engine.reset(first.test_run_id, "wrong", "human:eve")
    await engine.extend(first.test_run_id, first.cleanup.cleanup_token, 60, "human:ann")
    await engine.reset(first.test_run_id, first.cleanup.cleanup_token, "human:ann")
    contradiction: dict[str, str | int | float | bool | None] = {
        "member_status": "inactive",
        "eligibility_status": "active",
    }
    with pytest.raises(ValidatorRejected):
        await engine.request(Request(scenario="active_member_clean", constraints=contradiction), caller)
    target.down = True
    with pytest.raises(TargetUnreachable):
        await engine.request(request, caller)
    target.down = False
    await engine.request(request, caller)
    await engine.request(Request(scenario="active_member_clean", seed=(0,) * 16), caller)
    await engine.apply("reset_all", "human:ann", {})
    await engine.sweep()
    await engine.close()
    await runs.close()
    report = await verify_store(runs.url)
    assert (report.problems, report.open_runs) == ([], [])
    assert report.looked_at.runs == 7  # one of them the request that another had made already
    assert report.looked_at.entries > 25


async def test_counts(runs: RecordedRuns) -> None:
    """A report tells how much was looked at, and of which store."""
    await runs.ready("01A")
    await runs.rolled_back("01B")
    await runs.close()
    report = await verify_store(runs.url)
    seen = report.looked_at
    assert (report.ok, report.store, seen.runs, seen.entries, seen.logs) == (True, runs.url, 2, 12, 1)
    assert seen.objects == len(runs.stored())
    assert seen.segments == len(runs.stored("atdm-audit/segments"))


async def died_after_open(runs: RecordedRuns) -> None:
    """The server died when the run was opened and before anything else."""
    await runs.begun("01X")
    runs.path("atdm-catalog/runs/01X.parquet").unlink()


async def died_after_row(runs: RecordedRuns) -> None:
    """The server died when the row was stored."""
    await runs.begun("01X")


async def died_before_close(runs: RecordedRuns) -> None:
    """The server died when the run was ready, and its close mark was not stored yet."""
    await runs.ready("01X")
    await runs.close()
    runs.path(runs.stored("atdm-audit/segments")[-1]).unlink()


async def died_before_row(runs: RecordedRuns) -> None:
    """The server died when the rejection was stored, and its row was not."""
    await runs.rejected("01X")
    runs.path("atdm-catalog/runs/01X.parquet").unlink()


async def died_before_rejection(runs: RecordedRuns) -> None:
    """The server died when the row of a rejection was stored, and the trail was not."""
    await runs.rejected("01X")
    runs.path("atdm-audit/runs/01X.parquet").unlink()


async def died_in_reset(runs: RecordedRuns) -> None:
    """The server died in the middle of a reset."""
    await runs.ready("01X")
    await runs.log.note(Mark(kind="open", run_id="01X", at=utc_now(), state="resetting"))


CRASHES = [died_after_open, died_after_row, died_before_close, died_before_row, died_before_rejection, died_in_reset]


@pytest.mark.parametrize("crash", CRASHES)
async def test_what_a_crash_leaves_is_open_and_not_wrong(
    runs: RecordedRuns, crash: Callable[[RecordedRuns], asyncio.Future[None]]
) -> None:
    """What a server that died may leave is told as open, with a reason, and is nothing wrong."""
    await runs.ready("01W")
    await crash(runs)
    await runs.close()
    report = await verify_store(runs.url)
    assert (report.ok, report.problems) == (True, [])
    assert [run.run_id for run in report.open_runs] == ["01X"]
    assert report.open_count == 1


async def test_work_that_took_several_attempts_has_ended_with_the_last(runs: RecordedRuns) -> None:
    """A reset that was begun three times and completed once is not open; one that was kept and begun again is."""
    for run_id in ("01A", "01B"):
        await runs.ready(run_id)
    begun = Mark(kind="open", run_id="01A", at=utc_now(), state="resetting")
    again = msgspec.structs.replace(begun, run_id="01B")
    await runs.log.note(again)
    await runs.log.note(Mark(kind="close", run_id="01B", at=utc_now(), state="kept"))
    await runs.log.note(begun)
    await runs.log.note(begun)
    await runs.reset("01A")
    await runs.log.note(again)
    await runs.close()
    report = await verify_store(runs.url)
    assert (report.problems, [run.run_id for run in report.open_runs]) == ([], ["01B"])


async def test_a_view_that_was_not_rendered_again_is_fine(runs: RecordedRuns) -> None:
    """A view may lag behind its parts."""
    await runs.ready("01A")
    stale = runs.path("atdm-audit/runs/01A.parquet").read_bytes()
    await runs.reset("01A")
    await runs.close()
    runs.path("atdm-audit/runs/01A.parquet").write_bytes(stale)
    report = await verify_store(runs.url)
    assert (report.problems, report.open_runs) == ([], [])


async def test_a_run_carried_on_by_a_retry_is_fine(runs: RecordedRuns) -> None:
    """A retry begins the run anew, with other times and perhaps another name; the trail is that of one of them."""
    first = await runs.begun("01A")
    await runs.ready("01A")
    assert first.entries[0].body != (await runs.trail("01A")).entries[0].body
    await runs.close()
    report = await verify_store(runs.url)
    assert report.problems == []


async def test_an_unused_run_is_fine(runs: RecordedRuns) -> None:
    """A run that was opened, and given up as its key belonged to another, has two marks and nothing else."""
    await runs.begun("01A")
    runs.path("atdm-catalog/runs/01A.parquet").unlink()
    await runs.log.note(Mark(kind="close", run_id="01A", at=utc_now(), state="superseded"))
    await runs.close()
    report = await verify_store(runs.url)
    assert (report.problems, report.open_runs) == ([], [])


async def test_nothing_is_wrong_with_a_store_at_work(runs: RecordedRuns) -> None:
    """While servers write, a verification takes nothing that is on its way for wrong."""

    async def work(name: str) -> None:
        for number in range(10):
            run_id = f"01{name}{number}"
            await runs.ready(run_id)
            await runs.denied(run_id)
            await runs.reset(run_id)
            await runs.rejected(f"02{name}{number}")
            await runs.rolled_back(f"03{name}{number}")

    working = asyncio.gather(*(work(name) for name in "ABCD"))
    rounds = 0
    while not working.done():
        report = await verify_store(runs.url)
        assert report.problems == []
        rounds += 1
    await working
    await runs.close()
    assert rounds > 2
    report = await verify_store(runs.url)
    assert (report.problems, report.open_runs, report.looked_at.runs) == ([], [], 120)


async def test_one_run_alone(runs: RecordedRuns) -> None:
    """Asked for one run, a report tells of that run and of the logs, and not of others."""
    await runs.ready("01A")
    await runs.ready("01B")
    await runs.close()
    runs.path("atdm-audit/runs/01B.parquet").write_bytes(b"nonsense")
    assert (await verify_store(runs.url, run_id="01A")).ok
    report = await verify_store(runs.url, run_id="01B")
    assert [(problem.code, problem.run_id) for problem in report.problems] == [("damaged", "01B")]
    assert report.looked_at.runs == 1
    unknown = await verify_store(runs.url, run_id="01C")
    assert [(problem.code, problem.key) for problem in unknown.problems] == [("missing", "atdm-audit/runs/01C.parquet")]


async def test_all_is_told_at_once(runs: RecordedRuns) -> None:
    """A verification does not stop at the first thing that is wrong."""
    for run_id in ("01A", "01B", "01C"):
        await runs.ready(run_id)
    await runs.close()
    for key in runs.stored():
        runs.path(key).write_bytes(b"nonsense")
    report = await verify_store(runs.url)
    assert {problem.key for problem in report.problems} == set(runs.stored())
    assert report.problem_count == len(report.problems)


async def test_a_log_that_was_continued_cannot_lose_its_end(
    runs: RecordedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log that a process wrote next says how long the one before was, so its end and all of it are missed."""
    monkeypatch.setattr(segments_module, "MOST_SEGMENTS", 2)
    await runs.ready("01A")
    await runs.log.note(Mark(kind="open", run_id="01A", at=utc_now(), state="expiring"))
    await runs.log.note(Mark(kind="denied", run_id="", at=utc_now(), head=""))
    await runs.close()
    keys = runs.stored("atdm-audit/segments")
    runs.path(keys[1]).unlink()
    report = await verify_store(runs.url)
    assert [(problem.code, problem.key) for problem in report.problems if "/segments/0" in problem.key] == [
        ("cut_off", keys[1])
    ]


async def test_signatures(tmp_path: Path) -> None:
    """With a public key, every segment must be signed by its owner; without one, signatures are not looked at."""
    private, public = a_key_pair(tmp_path, "ours")
    _, another = a_key_pair(tmp_path, "theirs")
    signing = RecordedRuns(tmp_path / "store", load_signer(private))
    await signing.ready("01A")
    await signing.close()
    assert (await verify_store(signing.url, public_keys=[public])).ok
    assert (await verify_store(signing.url)).ok
    report = await verify_store(signing.url, public_keys=[another])
    assert {problem.code for problem in report.problems} == {"signature"}
    assert {problem.key for problem in report.problems} == set(signing.stored("atdm-audit/segments"))
    unsigned = RecordedRuns(tmp_path / "store")
    await unsigned.ready("01B")
    await unsigned.close()
    report = await verify_store(signing.url, public_keys=[public])
    assert "not signed" in report.problems[0].message


async def test_signatures_after_a_change_of_key(tmp_path: Path) -> None:
    """Where the key was changed, each segment must be signed by one of the keys, and those of a third are told."""
    keys = [a_key_pair(tmp_path, name) for name in ("before", "now", "third")]
    store = tmp_path / "store"
    written: list[set[str]] = []
    for private, _ in keys:
        runs = RecordedRuns(store, load_signer(private))
        known = set(runs.stored("atdm-audit/segments")) if store.exists() else set[str]()
        await runs.ready(f"01{private.name}")
        await runs.close()
        written.append(set(runs.stored("atdm-audit/segments")) - known)
    report = await verify_store(store.as_uri(), public_keys=[public for _, public in keys[:2]])
    assert {problem.key for problem in report.problems} == written[2]
    assert (await verify_store(store.as_uri(), public_keys=[public for _, public in keys])).ok


async def test_foreign_and_passing_files(runs: RecordedRuns) -> None:
    """What is not ours is named; what the probe and an interrupted write leave is not."""
    await runs.ready("01A")
    await runs.close()
    await probe_stores(*open_stores(runs.url))
    (runs.folder / "atdm-audit/.unfinished").mkdir(exist_ok=True)
    (runs.folder / "atdm-audit/.unfinished/x").write_bytes(b"half an ob")
    assert (await verify_store(runs.url)).ok
    for key in ("atdm-audit/notes.txt", "atdm-audit/parts/01A/1.parquet", "atdm-catalog/runs/x/y.parquet"):
        runs.path(key).parent.mkdir(parents=True, exist_ok=True)
        runs.path(key).write_bytes(b"x")
        report = await verify_store(runs.url)
        assert [(problem.code, problem.key) for problem in report.problems] == [("foreign", key)]
        runs.path(key).unlink()


async def test_an_event_added_to_the_end_twice_is_noticed(runs: RecordedRuns) -> None:
    """A chain without a flaw in which a run is taken back twice has an event that nobody recorded."""
    await runs.ready("01A")
    await runs.reset("01A")
    await runs.close()
    trail = await runs.trail("01A")
    trail.record("reset_completed", invoker="human:eve")
    runs.path("atdm-audit/parts/01A/000003.parquet").write_bytes(encode_entries(trail.unstored().entries))
    report = await verify_store(runs.url)
    assert [(problem.key, problem.entry) for problem in report.problems] == [("atdm-audit/parts/01A/000003.parquet", 9)]


async def test_pages_and_files_make_no_difference(runs: RecordedRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that comes in many pages finds the same."""
    for number in range(9):
        await runs.ready(f"01{number}")
        await runs.reset(f"01{number}")
    await runs.close()
    runs.path("atdm-audit/parts/013/000001.parquet").unlink()
    whole = await verify_store(runs.url)
    monkeypatch.setattr(verify_module, "_PAGE", 2)
    assert await verify_store(runs.url) == whole
    assert {problem.run_id for problem in whole.problems} == {"013"}


async def test_on_s3(s3: S3, runs: RecordedRuns) -> None:
    """Over S3 the same is found as on disk."""
    await runs.ready("01A")
    await runs.reset("01A")
    await runs.close()
    with s3.in_environment():
        stores = open_stores("s3://atdm-audit/verified")
        for prefix, store in zip(("atdm-audit/", "atdm-catalog/"), stores, strict=True):
            for key in runs.stored(prefix):
                assert await store.create(key.removeprefix(prefix), runs.path(key).read_bytes())
        report = await verify_store("s3://atdm-audit/verified")
        assert (report.problems, report.open_runs, report.looked_at.runs) == ([], [], 1)
        assert await stores[0].create("parts/01A/000007.parquet", b"x")
        report = await verify_store(stores)
    keys = {problem.key for problem in report.problems}
    assert "atdm-audit/parts/01A/000007.parquet" in keys
    assert "atdm-audit/parts/01A/000003.parquet" in keys


async def test_a_store_that_cannot_be_read(runs: RecordedRuns) -> None:
    """A store that does not answer is an error, not a report."""
    (runs.folder / "atdm-audit").mkdir(parents=True)
    (runs.folder / "atdm-audit/loop").symlink_to("loop")
    with pytest.raises(StoreUnavailable, match="links"):
        await verify_store(runs.url)


async def test_two_tokens_of_one_run_are_noticed(runs: RecordedRuns) -> None:
    """A mark that knows another cleanup token than the row does contradicts it."""
    await runs.ready("01A")
    await runs.close()
    token = token_sha256(cleanup_token(b"another key", "01A"))
    await runs.log.note(Mark(kind="open", run_id="01A", at=utc_now(), token_sha256=token, state="seeding"))
    await runs.close()
    report = await verify_store(runs.url)
    assert [problem.key for problem in report.problems] == ["atdm-catalog/runs/01A.parquet"]
