"""The verification of a whole store, or of one run in it, on the bare objects: no server is asked."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from atdm_core.errors import StoreUnavailable
from atdm_core.side_by_side import AT_ONCE, side_by_side
from atdm_server.store.objects import AUDIT, CATALOG, ObjectStore, open_stores
from atdm_server.store.process_logs import retirement
from atdm_server.store.segments import segment_key
from atdm_server.store.signing import load_verifier
from atdm_server.verify.checkpoint import Heading, LogHead, RunHead, read_checkpoint
from atdm_server.verify.facts import Fact, Facts
from atdm_server.verify.logs import LogChecker, facts_of
from atdm_server.verify.report import Code, Problem, Report
from atdm_server.verify.run_objects import read_run, run_of, view_key
from atdm_server.verify.runs import CheckedRun, check_run

__all__ = ["Head", "Stores", "verify_store"]

Stores: TypeAlias = tuple[ObjectStore, ObjectStore]
"""The store of the audit log, and that of the catalog."""
Head: TypeAlias = Heading | LogHead | RunHead

_PAGE: Final = 10_000  # keys of one listing
_SEGMENT: Final = re.compile(r"segments/([^/]+)/(\d{8})\.parquet")
_RETIRED: Final = re.compile(r"retired/([^/]+)\.json")
_PROBE: Final = re.compile(r"probe/[^/]+")

_T = TypeVar("_T")


async def verify_store(
    store: str | Stores,
    *,
    run_id: str | None = None,
    checkpoint: Path | None = None,
    public_keys: Sequence[Path] = (),
    collect: Callable[[Head], None] | None = None,
) -> Report:
    """Check everything that a store holds of trails, process logs and catalog rows, and tell all that is wrong.

    `store` is a URL as in ATDM_STORE_URL, or the two stores. With `run_id`, the objects of that run alone, and all
    segments, which may speak of it. `checkpoint` is a file of `atdm checkpoint`. With `public_keys`, files in PEM,
    every segment must be signed by the owner of one of them. `collect` is given the heads of a checkpoint.

    Servers may write meanwhile. What is held in memory does not grow with trails or segments, only with the number of
    logs, and on a local disk with the number of names in one folder.

    Raises `StoreUnavailable`, `SettingsInvalid` for a URL or key that cannot be used, and `CheckpointInvalid`.
    """
    stores = open_stores(store) if isinstance(store, str) else store
    url = store if isinstance(store, str) else stores[0].url
    verification = _Verification(stores, Report(store=url, run_id=run_id), public_keys, collect or _ignored)
    with Facts() as facts:
        await verification.run(facts, checkpoint)
    return verification.report


class _Verification:
    """One verification on its way."""

    def __init__(
        self, stores: Stores, report: Report, public_keys: Sequence[Path], collect: Callable[[Head], None]
    ) -> None:
        self._audit, self._catalog = stores
        self.report = report
        self._logs = LogChecker(report.add, load_verifier(public_keys) if public_keys else None)
        self._collect = collect

    async def run(self, facts: Facts, checkpoint: Path | None) -> None:
        """Read everything once: checkpoint, catalog keys, audit keys with the segments, then run by run."""
        self._collect(Heading(self.report.store, datetime.now(UTC)))
        log_heads = self._checkpoint(facts, checkpoint) if checkpoint else []
        await self._list_catalog(facts)
        await self._list_audit(facts)
        await self._logs.finish(self._audit, log_heads)
        self.report.looked_at.logs = len(self._logs.heads)
        for head in self._logs.heads.values():
            self._collect(head)
        for batch in _batches(facts.by_run(), AT_ONCE):
            for checked in await side_by_side(self._check_run, batch):
                self._tell(checked)
        if self.report.run_id and not self.report.looked_at.runs:
            self._problem("missing", view_key(self.report.run_id), "nothing in this store speaks of this run")

    def _checkpoint(self, facts: Facts, path: Path) -> list[LogHead]:
        logs: list[LogHead] = []
        for head in read_checkpoint(path):
            if isinstance(head, LogHead):
                logs.append(head)
            else:
                self._add(facts, Fact(head.run_id, "checkpoint", path.name, "", head.head, head.entries))
        return logs

    async def _list_catalog(self, facts: Facts) -> None:
        async for keys in _pages(self._catalog, "runs/"):
            for key in keys:
                self.report.looked_at.objects += 1
                run_id = run_of(key)
                if run_id:
                    self._add(facts, Fact(run_id, "object", f"{CATALOG}/{key}"))
                else:
                    self._problem("foreign", f"{CATALOG}/{key}", "this is no catalog row; take it away")

    async def _list_audit(self, facts: Facts) -> None:
        """Segments come last in the order of the keys, so no mark speaks of what was written after its run was read."""
        async for keys in _pages(self._audit, ""):
            self.report.looked_at.objects += len(keys)
            for match in filter(None, map(_RETIRED.fullmatch, keys)):
                await self._check_retirement(match[1])
            segments = [match for match in map(_SEGMENT.fullmatch, keys) if match]
            for batch in _batches(segments, AT_ONCE):
                for match, data in zip(batch, await side_by_side(self._segment, batch), strict=True):
                    self._take_segment(facts, match, data)
            for key in keys:
                if run_id := run_of(key):
                    self._add(facts, Fact(run_id, "object", f"{AUDIT}/{key}"))
                elif not any(kind.fullmatch(key) for kind in (_SEGMENT, _RETIRED, _PROBE)):
                    self._problem(
                        "foreign", f"{AUDIT}/{key}", "nothing of ours is stored under such a key; take it away"
                    )

    async def _segment(self, match: re.Match[str]) -> bytes:
        data = await self._audit.get(match[0])
        if data is None:
            raise StoreUnavailable(f"the object store lists {match[0]}, and does not have it")
        return data

    def _take_segment(self, facts: Facts, match: re.Match[str], data: bytes) -> None:
        self.report.looked_at.segments += 1
        segment = self._logs.take(match[1], int(match[2]), data)
        for mark in segment.marks if segment else ():
            self._add(facts, facts_of(match[0], mark))

    async def _check_retirement(self, log_id: str) -> None:
        key, content = retirement(log_id)
        if await self._audit.get(key) != content:
            self._problem("damaged", f"{AUDIT}/{key}", f"it should be {content.decode()!r}; restore it")
        if await self._audit.get(segment_key(log_id, 0)) is None:
            self._problem("missing", f"{AUDIT}/{segment_key(log_id, 0)}", f"{key} retires a log that is not there")

    async def _check_run(self, known: tuple[str, list[Fact]]) -> CheckedRun:
        run_id, facts = known
        checked = check_run(await read_run(self._audit, self._catalog, run_id), facts)
        if checked.problems:  # a server may have written while we read: look again before it is said
            checked = check_run(await read_run(self._audit, self._catalog, run_id), facts)
        return checked

    def _tell(self, checked: CheckedRun) -> None:
        self.report.looked_at.runs += 1
        self.report.looked_at.entries += len(checked.trail.entries)
        for problem in checked.problems:
            self.report.add(problem)
        if checked.open:
            self.report.add_open(checked.open)
        if checked.trail.entries:
            last = checked.trail.entries[-1]
            self._collect(RunHead(checked.trail.run_id, len(checked.trail.entries), last.hash.hex()))

    def _add(self, facts: Facts, fact: Fact) -> None:
        if self.report.run_id in (None, fact.run_id):
            facts.add(fact)

    def _problem(self, code: Code, key: str, message: str) -> None:
        self.report.add(Problem(code=code, key=key, message=message))


async def _pages(store: ObjectStore, prefix: str) -> AsyncIterator[list[str]]:
    after = ""
    while keys := await store.keys(prefix, after, _PAGE):
        yield keys
        after = keys[-1]


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    return iter(lambda: list(islice(iterator, size)), [])


def _ignored(_: Head) -> None:
    """Nobody wants a checkpoint."""
