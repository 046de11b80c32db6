"""The process logs of all servers, read as they grow."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from atdm_core.audit import Mark
from atdm_core.errors import StoreUnavailable, TrailBroken
from atdm_core.protocols import LogNews
from atdm_core.side_by_side import side_by_side
from atdm_server.store.objects import ObjectStore
from atdm_server.store.segments import decode_segment, segment_key

__all__ = ["ProcessLogs", "retirement"]

MOST_OWN: Final = 5_000  # segments of this process that are not read back; more come about when nobody asks for news
_SEGMENT: Final = re.compile(r"segments/([^/]+)/(\d{8})\.parquet")

_log = structlog.stdlib.get_logger("atdm_server")


def retirement(log_id: str) -> tuple[str, bytes]:
    """The key and the content of the object that retires a log. Nothing in it varies, so nothing can be put into it."""
    return f"retired/{log_id}.json", b'{"retired":"' + log_id.encode() + b'"}'


class ProcessLogs:
    """See `AuditLog.marks` and `AuditLog.retire`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._own: dict[str, Sequence[Mark]] = {}

    def wrote(self, key: str, marks: Sequence[Mark]) -> None:
        """Note the marks of a segment that this process has just stored, so that it need not read them."""
        if len(self._own) < MOST_OWN:
            self._own[key] = marks

    async def news(self, seen: Mapping[str, int]) -> LogNews:
        """What was written since `seen`: two listings, one more for each log in use, and the new segments once each."""
        retired = {key.removeprefix("retired/").removesuffix(".json") for key in await self._store.keys("retired/")}
        in_use = [log_id for log_id in await self._store.folders("segments/") if log_id not in retired]

        async def grown(log_id: str) -> list[str]:
            known = seen.get(log_id, 0)
            return await self._store.keys(f"segments/{log_id}/", after=segment_key(log_id, known - 1) if known else "")

        keys = [key for keys in await side_by_side(grown, in_use) for key in keys]
        found = [match for match in map(_SEGMENT.fullmatch, keys) if match]
        marks = await side_by_side(self._marks_of, [match[0] for match in found])
        now = {log_id: seen.get(log_id, 0) for log_id in in_use}
        for match in found:
            now[match[1]] = max(now[match[1]], int(match[2]) + 1)
        return LogNews([(match[1], mark) for match, told in zip(found, marks, strict=True) for mark in told], now)

    async def retire(self, log_id: str) -> None:
        """Leave a log out of `news` from now on. Its segments stay, and stay verifiable."""
        await self._store.create(*retirement(log_id))

    async def _marks_of(self, key: str) -> Sequence[Mark]:
        if (own := self._own.pop(key, None)) is not None:
            return own
        data = await self._store.get(key)
        if data is None:
            raise StoreUnavailable(f"the object store lists {key}, and does not have it")
        try:
            return decode_segment(data).marks
        except TrailBroken as error:
            # To stop here would leave every other run without recovery; `atdm verify` says what can be done.
            _log.warning("segment_unreadable", key=key, reason=error.message)
            return []
