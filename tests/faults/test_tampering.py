"""Whatever is done to a stored log afterwards, a verification notices it and says where."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import msgspec
import pytest

from atdm_core.audit import Entry, Mark, decode_entries, encode_entries
from atdm_core.errors import TrailBroken
from atdm_server.store.catalog import decode_row, encode_row
from atdm_server.store.segments import decode_segment
from atdm_server.verify import DECIDING, CheckpointWriter, Problem, verify_store
from tests.faults.forgery import edit_marks, edited, rechained, rewrite_entries, swap
from tests.recorded_runs import RecordedRuns

READY, RESET, ROLLED_BACK = "01READY", "01RESET", "01ROLLED"
SAMPLE: Final = 307
"""Of so many flipped bytes one is shown to a verification of the whole store, all to the part that reads the object."""


class Stage:
    """A copy of the three-run log that one test may spoil, and where things are in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder.parent / "checkpoint"
        self.logs = sorted((folder / "atdm-audit/segments").iterdir())

    def audit(self, key: str) -> Path:
        """An object of the audit store."""
        return self.folder / "atdm-audit" / key

    def view(self, run_id: str) -> Path:
        """The run object."""
        return self.audit(f"runs/{run_id}.parquet")

    def part(self, run_id: str, version: int) -> Path:
        """A part."""
        return self.audit(f"parts/{run_id}/{version:06}.parquet")

    def parts(self, run_id: str) -> list[Path]:
        """All parts of a run."""
        return sorted(self.audit(f"parts/{run_id}").glob("*"))

    def rewrite(self, run_id: str, change: Callable[[list[Entry]], list[Entry]]) -> None:
        """Rewrite a whole trail, view and parts, as one chain without a flaw."""
        chain = rechained(run_id, change(list(decode_entries(self.view(run_id).read_bytes()))))
        self.view(run_id).write_bytes(encode_entries(chain))
        for path in self.parts(run_id):
            places = {entry.seq for entry in decode_entries(path.read_bytes())}
            path.write_bytes(encode_entries(entry for entry in chain if entry.seq in places))

    def row(self, run_id: str) -> Path:
        """The catalog row."""
        return self.folder / f"atdm-catalog/runs/{run_id}.parquet"

    async def problems(self, *, checkpoint: bool = False) -> list[Problem]:
        """What a verification of the whole store says."""
        report = await verify_store(self.folder.as_uri(), checkpoint=self.checkpoint if checkpoint else None)
        return report.problems

    def name(self, path: Path) -> str:
        """How a report calls an object."""
        return path.relative_to(self.folder).as_posix()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three-run log, written by two processes, the first of which has ended and is retired; and its checkpoint."""
    folder = tmp_path_factory.mktemp("tampering") / "store"
    asyncio.run(record_three_runs(folder))
    return folder


async def record_three_runs(folder: Path) -> None:
    """One run that is ready, one that was reset after a refusal, one that was rolled back."""
    first, second = RecordedRuns(folder), RecordedRuns(folder)
    await first.ready(RESET)
    await first.rolled_back(ROLLED_BACK)
    await first.denied(RESET)
    await first.close()
    await second.ready(READY)
    await second.reset(RESET)
    await second.close()
    (oldest, _) = sorted((folder / "atdm-audit/segments").iterdir())
    await second.log.retire(oldest.name)
    with (folder.parent / "checkpoint").open("wb") as file:
        writer = CheckpointWriter(file)
        report = await verify_store(folder.as_uri(), collect=writer.write)
        writer.end()
    assert (report.problems, report.open_runs) == ([], [])


@pytest.fixture
def stage(original: Path, tmp_path: Path) -> Stage:
    """A fresh copy."""
    shutil.copytree(original, tmp_path / "store")
    shutil.copy(original.parent / "checkpoint", tmp_path / "checkpoint")
    return Stage(tmp_path / "store")


READERS: Final[dict[str, Callable[[bytes], object]]] = {
    "runs": decode_entries,
    "parts": decode_entries,
    "segments": decode_segment,
    "rows": decode_row,
}


@pytest.mark.parametrize("kind", READERS)
def test_every_byte_of_every_object_counts(original: Path, kind: str, tried: Callable[[str, int, str], None]) -> None:
    """Whichever byte of an object is changed, whoever reads the object refuses it."""
    folder = original / ("atdm-catalog/runs" if kind == "rows" else f"atdm-audit/{kind}")
    read, flips = READERS[kind], 0
    for path in sorted(folder.rglob("*.parquet")):
        data = path.read_bytes()
        read(data)
        for place in range(len(data)):
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            flips += 1
            with pytest.raises(TrailBroken):
                read(bytes(flipped))
    tried(f"one byte flipped: {kind}", flips, "all refused by their reader")


async def test_a_verification_names_the_flipped_object(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """A verification of the store tells which object has the changed byte."""
    places = 0
    for path in sorted(stage.folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        for place in range(0, len(data), 1 if path.suffix == ".json" else SAMPLE):
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            path.write_bytes(flipped)
            assert stage.name(path) in {problem.key for problem in await stage.problems()}, (path, place)
            path.write_bytes(data)
            places += 1
    assert await stage.problems(checkpoint=True) == []
    tried("one byte flipped, whole store verified", places, "all named")


async def test_no_object_can_be_dropped(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """Each object that is taken away is missed by name; the last segment of a log with the checkpoint only."""
    paths = sorted(stage.folder.rglob("*.parquet"))
    last = {max(folder.iterdir()) for folder in stage.logs}
    for path in paths:
        data = path.read_bytes()
        path.unlink()
        assert stage.name(path) in keys(await stage.problems(checkpoint=path in last)), path
        path.write_bytes(data)
    tried("one object dropped", len(paths), f"all missed by name, {len(last)} of them with the checkpoint")


async def test_no_two_objects_can_change_places(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """Two objects of a kind that change places are noticed, and one of them is named."""
    kinds = ("atdm-audit/runs", "atdm-audit/parts", "atdm-audit/segments", "atdm-catalog/runs")
    pairs = [pair for kind in kinds for pair in combinations(sorted((stage.folder / kind).rglob("*.parquet")), 2)]
    for one, other in pairs:
        swap(one, other)
        assert {stage.name(one), stage.name(other)} & keys(await stage.problems()), (one, other)
        swap(one, other)
    assert await stage.problems(checkpoint=True) == []
    tried("two objects swapped", len(pairs), "all named")


async def test_no_object_can_be_duplicated(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """An object that stands under a second key as well is noticed there, whatever key of its kind that is."""
    ends = {log: len(list(log.iterdir())) for log in stage.logs}
    new_log = stage.logs[0].with_name("01ZZZZZZZZZZZZZZZZZZZZZZZZ")
    copies = [
        *((path, stage.view("01NEW")) for path in sorted(stage.audit("runs").iterdir())),
        *((path, stage.row("01NEW")) for path in sorted(stage.row("x").parent.iterdir())),
        *((path, stage.part(READY, 1)) for path in sorted(stage.audit("parts").rglob("*.parquet"))),
        *((path, stage.part(RESET, 4)) for path in sorted(stage.audit("parts").rglob("*.parquet"))),
        *((path, log / f"{ends[log]:08}.parquet") for log in stage.logs for path in sorted(log.iterdir())),
        *((path, new_log / "00000000.parquet") for log in stage.logs for path in sorted(log.iterdir())),
        (stage.view(READY), stage.audit("runs/copy.txt")),
        (stage.view(READY), stage.audit("elsewhere.parquet")),
    ]
    for source, copy in copies:
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(source, copy)
        named = keys(await stage.problems())
        assert named & {stage.name(copy), stage.name(stage.view("01NEW"))}, (source, copy)
        copy.unlink()
    tried("one object duplicated", len(copies), "all named")


async def test_a_whole_log_can_not_be_copied_or_dropped(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """A log under a second name is noticed, and so is the absence of one that began a run that is ready."""
    for log in stage.logs:
        copy = log.with_name("01ZZZZZZZZZZZZZZZZZZZZZZZZ")
        shutil.copytree(log, copy)
        assert stage.name(copy / "00000000.parquet") in keys(await stage.problems())
        shutil.rmtree(copy)
        shutil.move(log, stage.folder.parent / "away")
        assert "missing" in {problem.code for problem in await stage.problems()}
        assert any(log.name in problem.key for problem in await stage.problems(checkpoint=True))
        shutil.move(stage.folder.parent / "away", log)
    tried("a whole log copied or dropped", 2 * len(stage.logs), "all noticed")


CHANGES: Final[dict[str, Callable[[list[Entry], int], list[Entry]]]] = {
    "removed": lambda entries, i: entries[:i] + entries[i + 1 :],
    "repeated": lambda entries, i: entries[: i + 1] + entries[i:],
    "moved to the end": lambda entries, i: entries[:i] + entries[i + 1 :] + [entries[i]],
    "edited": lambda entries, i: [*entries[:i], edited(entries[i], invoker="human:eve"), *entries[i + 1 :]],
}


@pytest.mark.parametrize("clever", [False, True], ids=["", "all hashes made anew"])
@pytest.mark.parametrize("change", CHANGES)
async def test_no_entry_can_be_changed(
    stage: Stage, change: str, clever: bool, tried: Callable[[str, int, str], None]
) -> None:
    """An entry that is removed, repeated, moved or edited is noticed, also when all hashes of its object are new."""
    count = 0
    for path in sorted(stage.audit("").rglob("*.parquet")):
        run_id = path.stem if path.parent.name == "runs" else path.parent.name
        if "segments" in path.parts:
            continue
        data = path.read_bytes()
        entries = list(decode_entries(data))
        for place in range(len(entries)):
            forged = CHANGES[change](entries, place)
            if forged == entries or not forged or is_stale_view(entries, forged):
                continue
            path.write_bytes(encode_entries(rechained(run_id, forged) if clever else forged))
            found = await stage.problems()
            assert any(stage.name(path) in f"{problem.key} {problem.message}" for problem in found), (path, place)
            count += 1
        path.write_bytes(data)
    told = "hashes made anew" if clever else "sealed"
    tried(f"one entry {change}, {told}", count, "all named")


async def test_rewriting_a_trail_with_its_parts_is_found_by_the_marks(stage: Stage) -> None:
    """A trail whose objects agree with each other, every hash new, does not agree with what the logs have seen."""
    for run_id, place in ((READY, 0), (READY, 4), (RESET, 1), (RESET, 8)):
        before = {path: path.read_bytes() for path in [stage.view(run_id), *stage.parts(run_id)]}
        stage.rewrite(run_id, lambda e, at=place: [*e[:at], edited(e[at], invoker="human:eve"), *e[at + 1 :]])
        (problem,) = [p for p in await stage.problems() if p.key == stage.name(stage.view(run_id))][:1]
        assert problem.code == "contradiction"
        assert "/segments/" in problem.message
        for path, data in before.items():
            path.write_bytes(data)


async def test_cutting_off_a_reset_is_found_by_its_close_mark(stage: Stage) -> None:
    """A run that was reset cannot be made to look ready again by taking the last events away."""
    for version in (2, 3):
        stage.part(RESET, version).unlink()
    rewrite_entries(stage.view(RESET), lambda entries: entries[:-2])
    found = await stage.problems()
    assert keys(found) == {stage.name(stage.view(RESET))}
    assert "cut off" in found[0].message


async def test_cutting_off_a_refusal_is_found_by_its_mark(stage: Stage) -> None:
    """A refused reset cannot be taken out of the end of a trail, as the log has it too."""
    for version in (1, 2, 3):
        stage.part(RESET, version).unlink()
    rewrite_entries(stage.view(RESET), lambda entries: entries[:-3])
    assert any("refusal" in problem.message for problem in await stage.problems())


@pytest.mark.parametrize(
    "cells",
    [
        {"seed": 8},
        {"scenario_id": "other"},
        {"constraints": {}},
        {"invoker": "human:eve"},
        {"token_sha256": "0" * 64},
        {"status": "rejected"},
        {"test_run_id": "01NEW"},
        {"cleanup_strategy": "leave"},
    ],
    ids=lambda cells: next(iter(cells)),
)
async def test_no_cell_of_a_row_can_be_edited(stage: Stage, cells: dict[str, object]) -> None:
    """A catalog row that says something else than trail and marks is named, although its seal is in order."""
    row = decode_row(stage.row(READY).read_bytes())
    stage.row(READY).write_bytes(encode_row(msgspec.structs.replace(row, **cells)))
    assert keys(await stage.problems()) == {stage.name(stage.row(READY))}


MARK_CHANGES: Final[dict[str, Callable[[Sequence[Mark]], Sequence[Mark]]]] = {
    "edited": lambda marks: [*map(by_eve, marks)],
    "removed": lambda marks: marks[1:],
    "repeated": lambda marks: [*marks, marks[-1]],
}


@pytest.mark.parametrize("relink", [False, True], ids=["", "later segments linked anew"])
@pytest.mark.parametrize("change", MARK_CHANGES)
async def test_no_mark_can_be_changed(
    stage: Stage, change: str, relink: bool, tried: Callable[[str, int, str], None]
) -> None:
    """A mark that is changed breaks the chain of its log; if later segments are linked anew, the checkpoint tells."""
    count = told_without = 0
    for log in stage.logs:
        before = {path: path.read_bytes() for path in sorted(log.iterdir())}
        for number in range(len(before)):
            edit_marks(log, number, MARK_CHANGES[change], relink=relink)
            told_without += bool(await stage.problems())
            found = keys(await stage.problems(checkpoint=True))
            assert any(log.name in key for key in found), (log, number)
            count += 1
            for path, data in before.items():
                path.write_bytes(data)
    tried(
        f"one mark {change}{', relinked' if relink else ''}",
        count,
        f"all named, {count - told_without} with the checkpoint only",
    )
    assert told_without >= (0 if relink else count - len(stage.logs))


async def test_a_lie_that_is_consistent_throughout_is_found_by_the_checkpoint(stage: Stage) -> None:
    """Trail, marks and all hashes rewritten together tell one story, and the checkpoint another."""
    stage.rewrite(READY, lambda entries: [edited(entries[0], invoker="human:eve"), *entries[1:]])
    trail = decode_entries(stage.view(READY).read_bytes())
    stage.row(READY).write_bytes(
        encode_row(msgspec.structs.replace(decode_row(stage.row(READY).read_bytes()), invoker="human:eve"))
    )

    def lie(mark: Mark) -> Mark:
        if mark.run_id != READY:
            return mark
        if mark.kind == "close":
            return msgspec.structs.replace(mark, head=trail[-1].hash.hex())
        bodies = tuple(entry.body.decode() for entry in trail[: len(mark.bodies)])
        return msgspec.structs.replace(mark, bodies=bodies, invoker="human:eve")

    for number in range(len(list(stage.logs[1].iterdir()))):
        edit_marks(stage.logs[1], number, lambda marks: [*map(lie, marks)], relink=True)
    assert await stage.problems() == []
    found = keys(await stage.problems(checkpoint=True))
    assert stage.name(stage.view(READY)) in found
    assert any("segments" in key for key in found)


async def test_the_checkpoint_finds_every_cut(stage: Stage, tried: Callable[[str, int, str], None]) -> None:
    """Whatever number of segments is cut off, and also when a run is gone without a trace, the checkpoint tells."""
    cuts = 0
    for log in stage.logs:
        paths = sorted(log.iterdir())
        for number in range(1, len(paths) + 1):
            for path in paths[-number:]:
                shutil.move(path, stage.folder.parent / path.name)
            named = {p.key for p in await stage.problems(checkpoint=True) if p.code == "cut_off"}
            assert stage.name(paths[-1]) in named
            for path in paths[-number:]:
                shutil.move(stage.folder.parent / path.name, path)
            cuts += 1
    tried("the end of a log cut off", cuts, "all named with the checkpoint")
    shutil.rmtree(stage.logs[1])
    stage.view(READY).unlink()
    stage.row(READY).unlink()
    assert stage.name(stage.view(READY)) not in keys(await stage.problems())
    assert stage.name(stage.view(READY)) in keys(await stage.problems(checkpoint=True))


def keys(problems: list[Problem]) -> set[str]:
    """The objects that problems name."""
    return {problem.key for problem in problems}


def is_stale_view(entries: list[Entry], forged: list[Entry]) -> bool:
    """Whether a view merely lacks later entries, which parts have: it was not rendered again yet, nothing is lost."""
    decided = next((place for place, entry in enumerate(entries) if entry.event.action in DECIDING), len(entries))
    return decided < len(forged) and forged == entries[: len(forged)]


def by_eve(mark: Mark) -> Mark:
    """The mark, as if somebody else had made it."""
    return msgspec.structs.replace(mark, invoker="human:eve")
