"""The trail of one run: its seals, its chain of entries, and its parts against its view."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from atdm_core.audit import Entry, chain_hash, decode_entries, genesis
from atdm_core.errors import TrailBroken
from atdm_server.verify.report import Code, Problem
from atdm_server.verify.run_objects import RunObjects

__all__ = ["DECIDING", "CheckedTrail", "check_trail", "is_strategy"]

DECIDING: Final = frozenset({"catalog_recorded", "plan_rejected", "seed_failed"})
"""The events of which one ends what is stored of a run first; what comes after it is in parts."""

_GONE: Final = frozenset({"reset_completed", "run_expired"})
_UNDONE: Final = frozenset({"rollback_completed"})


class CheckedTrail(Struct):
    """The entries that were found, in order, and what is wrong with them."""

    run_id: str
    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[Problem] = field(default_factory=list[Problem])

    def hashes(self) -> set[str]:
        """The hashes (hex) that the trail passes through."""
        return {entry.hash.hex() for entry in self.entries}

    def passes(self, head: str, count: int) -> bool:
        """Whether the trail has this head after so many entries."""
        return 0 < count <= len(self.entries) and self.entries[count - 1].hash.hex() == head

    def complain(self, code: Code, key: str, message: str, entry: int | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(code=code, key=key, message=message, run_id=self.run_id, entry=entry))


class _Stored(Struct, frozen=True):
    """The entries of one object; the view is version 0."""

    version: int
    key: str
    entries: Sequence[Entry]


def is_strategy(run_id: str) -> bool:
    """Whether this is the audit run of a strategy on the whole target: a trail without marks and catalog row."""
    return run_id.startswith("strategy-")


def check_trail(objects: RunObjects) -> CheckedTrail:
    """The trail that view and parts of a run make up together, checked."""
    trail = CheckedTrail(objects.run_id)
    if objects.view is None:
        if objects.parts:
            trail.complain(
                "missing", objects.view_key, "parts of this trail are there, its run object is gone; restore it"
            )
        return trail
    view = _decode(trail, 0, objects.view_key, objects.view)
    parts = [
        stored
        for version, data in sorted(objects.parts.items())
        if data is not None and (stored := _decode(trail, version, objects.part_key(version), data))
    ]
    _check_numbering(trail, objects)
    places = _overlay(trail, view, parts)
    _check_chain(trail, places)
    _check_ends(trail, places)
    if view:
        _check_cover(trail, objects, view, parts)
    return trail


def _decode(trail: CheckedTrail, version: int, key: str, data: bytes) -> _Stored | None:
    try:
        entries = decode_entries(data)
    except TrailBroken as error:
        trail.complain("damaged", key, f"{error.message}; restore the object from a copy")
        return None
    return _Stored(version, key, entries)


def _check_numbering(trail: CheckedTrail, objects: RunObjects) -> None:
    last = max(objects.parts, default=0)
    for version in range(1, last + 1):
        if objects.parts.get(version) is None:
            trail.complain("missing", objects.part_key(version), "a part of the trail is gone; restore it from a copy")
    if 0 in objects.parts:
        trail.complain("foreign", objects.part_key(0), "parts count from 1; nothing of ours is stored here")


def _overlay(trail: CheckedTrail, view: _Stored | None, parts: Sequence[_Stored]) -> dict[int, tuple[Entry, str]]:
    """Every entry by its place, with the object that has it; the parts against the view, and each in its order."""
    places: dict[int, tuple[Entry, str]] = {}
    for stored in (*parts, *([view] if view else [])):
        begin = stored.entries[0].seq if stored.entries else 0
        for offset, entry in enumerate(stored.entries):
            if entry.seq != begin + offset or (stored is view and begin != 0):
                trail.complain("broken_chain", stored.key, "the entries are not in their order", entry.seq)
            known, where = places.setdefault(entry.seq, (entry, stored.key))
            if known != entry:
                trail.complain("contradiction", stored.key, f"says something else than {where}", entry.seq)
            elif where != stored.key and stored is not view:
                trail.complain("broken_chain", stored.key, f"repeats an entry of {where}", entry.seq)
    return places


def _check_chain(trail: CheckedTrail, places: dict[int, tuple[Entry, str]]) -> None:
    head, expected = genesis(trail.run_id), 0
    for seq, (entry, key) in sorted(places.items()):
        if seq != expected:
            trail.complain("missing", key, f"entries {expected} to {seq - 1} are missing before this one", seq)
        elif entry.previous != head:
            told = f"does not follow entry {seq - 1} as it stands there" if seq else "does not begin this run's trail"
            trail.complain("broken_chain", key, f"the entry {told}; one of them was exchanged", seq)
        if entry.hash != chain_hash(entry.previous, entry.body):
            trail.complain("broken_chain", key, "the entry does not match its hash: it was edited", seq)
        if entry.event.test_run_id != trail.run_id:
            trail.complain("contradiction", key, f"the entry is one of run {entry.event.test_run_id}", seq)
        head, expected = entry.hash, seq + 1
        trail.entries.append(entry)


def _check_ends(trail: CheckedTrail, places: dict[int, tuple[Entry, str]]) -> None:
    """A run is decided once and taken back once; a chain without a flaw may still have an event that somebody added."""
    for once in (DECIDING, _GONE, _UNDONE):
        found = [seq for seq, (entry, _) in sorted(places.items()) if entry.event.action in once]
        for seq in [] if is_strategy(trail.run_id) else found[1:]:
            told = f"entry {found[0]} had settled this already; this one was added"
            trail.complain("broken_chain", places[seq][1], told, seq)


def _check_cover(trail: CheckedTrail, objects: RunObjects, view: _Stored, parts: Sequence[_Stored]) -> None:
    """What the view has beyond the decision must be in parts, and the parts must go on from there."""
    decided = next(_decisions(trail.run_id, view.entries), None)
    if decided is None:
        trail.complain("broken_chain", view.key, "the trail ends before the run was decided; restore the object")
        return
    version, expected = 0, decided + 1
    for stored in parts:
        begin = stored.entries[0].seq if stored.entries else expected
        if begin != expected and stored.version == version + 1:
            trail.complain("broken_chain", stored.key, f"the part should begin with entry {expected}", begin)
        version, expected = stored.version, begin + len(stored.entries)
    if len(view.entries) > expected:
        version = max(objects.parts, default=0) + 1
        told = f"entries from {expected} on are in the view and in no part; the part is gone, restore it"
        trail.complain("missing", objects.part_key(version), told, expected)


def _decisions(run_id: str, entries: Sequence[Entry]) -> Iterator[int]:
    if is_strategy(run_id):
        return iter([0] if entries else [])
    return (place for place, entry in enumerate(entries) if entry.event.action in DECIDING)
