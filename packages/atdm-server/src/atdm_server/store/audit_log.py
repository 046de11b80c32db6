"""The audit log as objects: a run object whose creation decides, parts for what comes later, and a rendered view."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from atdm_core.audit import Entry, Mark, Part, Trail, decode_entries, encode_entries
from atdm_core.errors import StoreError, TrailConflict
from atdm_core.parquet import Signer
from atdm_core.protocols import LogNews
from atdm_core.strategy_trail import STRATEGY, started_last
from atdm_server.store.objects import ObjectStore
from atdm_server.store.process_logs import ProcessLogs
from atdm_server.store.segments import SegmentLog

__all__ = ["ObjectAuditLog"]

MOST_REMEMBERED: Final = 256  # runs, of about 10 KB each
RENDER_AFTER: Final = 0.2  # seconds; start and end of a reset are in one view


class ObjectAuditLog:
    """See `AuditLog`. `segments/` says which runs are open, `runs/` and `parts/` hold their trails."""

    def __init__(self, store: ObjectStore, signer: Signer | None = None) -> None:
        """`signer` signs each segment, if given."""
        self._store = store
        self._logs = ProcessLogs(store)
        self._segments = SegmentLog(store, signer, wrote=self._logs.wrote)
        self._written: OrderedDict[str, tuple[Entry, ...]] = OrderedDict()
        self._stale_views: set[str] = set()
        self._renderer: asyncio.Task[None] | None = None

    async def note(self, mark: Mark) -> None:
        """See `AuditLog.note`."""
        if mark.kind == "open":
            await self._segments.write(mark)
        else:
            self._segments.write_later(mark)

    async def marks(self, seen: Mapping[str, int]) -> LogNews:
        """See `AuditLog.marks`."""
        return await self._logs.news(seen)

    async def retire(self, log_id: str) -> None:
        """See `AuditLog.retire`."""
        await self._logs.retire(log_id)

    async def append(self, part: Part) -> None:
        """See `AuditLog.append`."""
        key = _run_key(part.run_id) if part.version == 0 else f"parts/{part.run_id}/{part.version:06}.parquet"
        if not await self._store.create(key, encode_entries(part.entries)):
            raise TrailConflict(f"part {part.version} of run {part.run_id} exists", run_id=part.run_id)
        self._remember(part)
        if part.version > 0:
            self._render_later(part.run_id)

    async def read(self, run_id: str) -> Trail | None:
        """See `AuditLog.read`."""
        view, keys = await asyncio.gather(self._store.get(_run_key(run_id)), self._store.keys(f"parts/{run_id}/"))
        if view is None:
            return None
        stored = await asyncio.gather(*(self._store.get(key) for key in keys))
        later = [decode_entries(data) for data in stored if data is not None]
        first_later = min((entry.seq for entries in later for entry in entries), default=None)
        first = tuple(e for e in decode_entries(view) if first_later is None or e.seq < first_later)
        return Trail.of_parts(run_id, _numbered(run_id, [first, *later]))

    async def strategies(self, limit: int) -> Sequence[Trail]:
        """See `AuditLog.strategies`."""
        keys = await self._store.keys("runs/", after=f"runs/{STRATEGY}")  # the runs, which are many, sort before
        run_ids = (key.removeprefix("runs/").removesuffix(".parquet") for key in keys)
        trails = await asyncio.gather(*map(self.read, started_last(run_ids, limit)))
        return [trail for trail in trails if trail is not None]

    def url(self, run_id: str) -> str:
        """Where the run object is."""
        return f"{self._store.url}/{_run_key(run_id)}"

    async def check(self) -> None:
        """Return when the store answers; `StoreUnavailable` when it does not."""
        await self._store.check()

    async def close(self) -> None:
        """Return when the process log and the views are written."""
        await self._segments.close()
        if self._renderer is not None:
            await asyncio.wait([self._renderer])

    def _remember(self, part: Part) -> None:
        """Keep what this process has written of a run, as long as it is all there is to be known."""
        before = self._written.pop(part.run_id, ())
        if len(before) == part.entries[0].seq:
            self._written[part.run_id] = before + part.entries
        if len(self._written) > MOST_REMEMBERED:
            self._written.popitem(last=False)

    def _render_later(self, run_id: str) -> None:
        """Write the view again soon, for readers of the bare files. The parts hold the truth, so nobody waits."""
        self._stale_views.add(run_id)
        if self._renderer is None or self._renderer.done():
            self._renderer = asyncio.create_task(self._render_all())

    async def _render_all(self) -> None:
        while self._stale_views:
            await asyncio.sleep(RENDER_AFTER)
            stale, self._stale_views = self._stale_views, set()
            for run_id in stale:
                with suppress(StoreError):  # a view that stays old for a while misleads no reader of ours
                    await self._render(run_id)

    async def _render(self, run_id: str) -> None:
        entries = self._written.pop(run_id, None)
        if entries is None:
            trail = await self.read(run_id)
            entries = trail.entries if trail else ()
        if entries:
            await self._store.replace(_run_key(run_id), encode_entries(entries))


def _run_key(run_id: str) -> str:
    return f"runs/{run_id}.parquet"


def _numbered(run_id: str, parts: Iterable[tuple[Entry, ...]]) -> list[Part]:
    return [Part(run_id, version, entries) for version, entries in enumerate(parts)]
