"""Trails: events in a chain of hashes, where each hash covers the exact stored bytes and the hash before."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from atdm_core.errors import TrailBroken
from atdm_core.ids import new_id
from atdm_core.values import Event

__all__ = ["CANCEL", "Clock", "Entry", "Mark", "Part", "Trail", "chain_hash", "genesis", "utc_now"]

Clock: TypeAlias = Callable[[], datetime]

CANCEL: Final = "cancel"
"""What was denied where an open run was to be taken back with another's token: it has no trail yet to tell of it."""


def utc_now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def genesis(run_id: str) -> bytes:
    """The hash before the first event of a run, so that no trail can pass as another run's."""
    return sha256(b"atdm trail 1:" + run_id.encode()).digest()


def chain_hash(previous: bytes, body: bytes) -> bytes:
    """SHA-256 of the previous hash and the length-prefixed (8 bytes, big-endian) body."""
    return sha256(previous + len(body).to_bytes(8, "big") + body).digest()


class Entry(Struct, frozen=True):
    """One event as it is stored: its place (0-based), the exact bytes (JSON), the hash before, and its own."""

    seq: int
    body: bytes
    previous: bytes
    hash: bytes

    @property
    def event(self) -> Event:
        """The event, decoded."""
        return msgspec.json.decode(self.body, type=Event)


class Part(Struct, frozen=True):
    """The entries of a run that are stored together. Creating version 0, the run object, is the commit decision."""

    run_id: str
    version: int
    entries: tuple[Entry, ...]


class Mark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of the process log.

    `open`: the run is about to touch the target, and `state` says what for (`seeding`, `resetting`, `expiring`).
    `close`: it is settled, and `state` is what it is now. `denied`: something was asked for and refused; the trail says
    so too, unless `state` is `CANCEL`.
    An `open` of `seeding` carries the bodies of the trail so far, so that another process can carry it on.
    """

    kind: Literal["open", "close", "denied"]
    run_id: str
    at: datetime
    invoker: str | None = None
    request_sha256: str | None = None
    token_sha256: str | None = None
    state: str | None = None
    row_counts: Mapping[str, int] | None = None
    head: str | None = None
    bodies: tuple[str, ...] = ()


class Trail:
    """The chain of one run, in the making or read back. It grows at the end; nothing in it changes."""

    def __init__(self, run_id: str, clock: Clock = utc_now) -> None:
        self.run_id = run_id
        self._clock = clock
        self._entries: list[Entry] = []
        self._events: list[Event] = []
        self._stored = 0
        self._version = 0

    @classmethod
    def of_parts(cls, run_id: str, parts: Iterable[Part], clock: Clock = utc_now) -> "Trail":
        """The trail that the stored parts form; `TrailBroken`, naming the place, when they form none."""
        trail = cls(run_id, clock)
        for part in sorted(parts, key=lambda part: part.version):
            if part.version != trail._version:
                raise TrailBroken(f"run {run_id}: part {trail._version} is missing", run_id=run_id)
            for entry in part.entries:
                trail._check(entry)
                trail._entries.append(entry)
            trail.mark_stored()
        return trail

    @classmethod
    def resumed(cls, run_id: str, bodies: Iterable[str], clock: Clock = utc_now) -> "Trail":
        """The trail that begins with these bodies, none of which is stored: another process had got that far."""
        trail = cls(run_id, clock)
        for body in bodies:
            trail._extend(body.encode())
        return trail

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in order."""
        return tuple(self._entries)

    @property
    def events(self) -> list[Event]:
        """All events, in order."""
        self._events += [entry.event for entry in self._entries[len(self._events) :]]
        return self._events.copy()

    @property
    def head(self) -> bytes:
        """The hash of the last entry."""
        return self._entries[-1].hash if self._entries else genesis(self.run_id)

    @property
    def is_decided(self) -> bool:
        """Whether its first part, which decides what becomes of the run, is stored."""
        return self._version > 0

    def record(
        self,
        action: str,
        *,
        invoker: str,
        status: str = "ok",
        inputs: Mapping[str, Any] | None = None,
        tools_called: Iterable[str] = (),
        outputs: Mapping[str, Any] | None = None,
        reviewer_decision: Literal["approved", "rejected"] | None = None,
    ) -> Event:
        """Append an event."""
        event = Event(
            event_id=new_id(),
            timestamp=self._clock(),
            test_run_id=self.run_id,
            invoker=invoker,
            action=action,
            inputs=inputs or {},
            tools_called=tuple(tools_called),
            outputs=outputs or {},
            status=status,
            reviewer_decision=reviewer_decision,
        )
        self._extend(msgspec.json.encode(event))
        return event

    def unstored(self) -> Part:
        """The part that is to be stored next."""
        return Part(self.run_id, self._version, tuple(self._entries[self._stored :]))

    def mark_stored(self) -> None:
        """Note that the part `unstored` is stored."""
        self._stored = len(self._entries)
        self._version += 1

    def withdraw(self, action: str) -> None:
        """Forget the entries from the first `action` on, as long as they are in no stored part."""
        for place in range(self._stored, len(self._entries)):
            if self._entries[place].event.action == action:
                self._cut(place)
                return

    def forget_unstored(self) -> None:
        """Forget the entries that are in no stored part. Whether they got there is unknown: read before the next."""
        self._cut(self._stored)

    def _cut(self, place: int) -> None:
        del self._entries[place:]
        del self._events[place:]

    def _extend(self, body: bytes) -> None:
        previous = self.head
        self._entries.append(Entry(len(self._entries), body, previous, chain_hash(previous, body)))

    def _check(self, entry: Entry) -> None:
        if entry.seq != len(self._entries):
            raise TrailBroken(
                f"run {self.run_id}: entry {len(self._entries)} is missing, found {entry.seq}",
                run_id=self.run_id,
            )
        if entry.previous != self.head or entry.hash != chain_hash(entry.previous, entry.body):
            raise TrailBroken(f"run {self.run_id}: entry {entry.seq} does not match its hash", run_id=self.run_id)
