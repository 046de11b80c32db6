"""The process logs: seals, signatures, and the chain of segments in each."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeAlias

from msgspec import Struct, field

from atdm_core.audit import Mark, chain_hash, genesis
from atdm_core.errors import TrailBroken
from atdm_core.parquet import signed_content
from atdm_server.store.objects import AUDIT, ObjectStore
from atdm_server.store.segments import Segment, decode_segment, first_previous, segment_key
from atdm_server.verify.checkpoint import LogHead
from atdm_server.verify.facts import Fact
from atdm_server.verify.report import Code, Problem

__all__ = ["LogChecker", "SignatureCheck", "facts_of"]

SignatureCheck: TypeAlias = Callable[[bytes, bytes], bool]
"""Whether the second is a signature of the first."""

_RESTORE: Final = "restore it from a copy"


class _Log(Struct):
    """A log, as far as it was looked at. `sha256` is of its last segment, empty when that cannot be relied on."""

    log_id: str
    segments: int = 0
    sha256: str = ""


class LogChecker(Struct):
    """Takes the segments of all logs in the order of their keys."""

    complain: Callable[[Problem], None]
    signature: SignatureCheck | None = None
    heads: dict[str, LogHead] = field(default_factory=dict[str, LogHead])
    _log: _Log | None = None
    _links: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def take(self, log_id: str, number: int, data: bytes) -> Segment | None:
        """Check a segment, and its place behind the one before; None when it cannot be read."""
        if self._log is None or self._log.log_id != log_id:
            self._log = _Log(log_id, 0, first_previous(log_id))
        log, key = self._log, segment_key(log_id, number)
        if number != log.segments:
            gone = segment_key(log_id, log.segments)
            self._tell("missing", gone, f"segments {log.segments} to {number - 1} of this log are gone; {_RESTORE}")
            log.sha256 = ""
        try:
            segment = decode_segment(data)
        except TrailBroken as error:
            self._tell("damaged", key, f"{error.message}; {_RESTORE}")
            self._advance(number, "")
            return None
        self._check_link(key, number, segment)
        self._check_signature(key, data)
        self._advance(number, sha256(data).hexdigest())
        return segment

    async def finish(self, store: ObjectStore, checkpoint: list[LogHead]) -> None:
        """Check what refers to other logs: each log that continues one, and the heads that a checkpoint has seen."""
        for key, link in self._links:
            log_id, segments, digest = (*link.split("/"), "", "")[:3]
            head = LogHead(log_id, int(segments) if segments.isdecimal() else 0, digest)
            await self._check_head(store, head, f"{key} continues it")
        for head in checkpoint:
            await self._check_head(store, head, "the checkpoint has seen it")

    def _check_link(self, key: str, number: int, segment: Segment) -> None:
        log = self._log
        if log and log.sha256 and segment.previous_sha256 != log.sha256:
            before = segment_key(log.log_id, number - 1)
            told = f"it was written after another segment than {before}" if number else "it is the first of another log"
            self._tell("broken_chain", key, f"{told}; one was exchanged or edited, or they are not in their order")
        if segment.continues and number:
            self._tell("broken_chain", key, "it says that it begins a log, and stands in the middle of one")
        elif segment.continues:
            self._links.append((key, segment.continues))

    def _check_signature(self, key: str, data: bytes) -> None:
        if self.signature is None:
            return
        signed = signed_content(data)
        if signed is None:
            self._tell("signature", key, "it is not signed: it was written without a key, or not by our servers")
        elif not self.signature(*signed):
            self._tell("signature", key, "its signature is by none of the keys given: another key, or another writer")

    async def _check_head(self, store: ObjectStore, head: LogHead, why: str) -> None:
        """Whether a log has a segment, of this content, at the place where it once ended."""
        known = self.heads.get(head.log_id)
        key = segment_key(head.log_id, max(head.segments - 1, 0))
        if known is None or known.segments < head.segments:
            there = known.segments if known else 0
            self._tell("cut_off", key, f"this log had {head.segments} segments and has {there} ({why}); {_RESTORE}")
            return
        data = await store.get(key)
        if data is None or sha256(data).hexdigest() != head.sha256:
            self._tell("contradiction", key, f"this is not the segment that was here ({why}); {_RESTORE}")

    def _advance(self, number: int, digest: str) -> None:
        if self._log is not None:
            self._log.segments, self._log.sha256 = number + 1, digest
            self.heads[self._log.log_id] = LogHead(self._log.log_id, number + 1, digest)

    def _tell(self, code: Code, key: str, message: str) -> None:
        self.complain(Problem(code=code, key=f"{AUDIT}/{key}", message=message))


def facts_of(key: str, mark: Mark) -> Fact:
    """What a mark says of its run: where a trail with these bodies has its head, or where it was closed."""
    head = mark.head or ""
    if mark.bodies:
        link = genesis(mark.run_id)
        for body in mark.bodies:
            link = chain_hash(link, body.encode())
        head = link.hex()
    return Fact(
        run_id=mark.run_id,
        kind=mark.kind,
        key=f"{AUDIT}/{key}",
        state=mark.state or "",
        head=head,
        count=len(mark.bodies) if mark.bodies else -1,
        token_sha256=mark.token_sha256 or "",
    )
