"""What a forger does who can write into the store and knows the formats: every hash and seal is made anew."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from atdm_core.audit import Entry, Mark, Trail, decode_entries, encode_entries
from atdm_server.store.segments import Segment, decode_segment, encode_segment

__all__ = ["edit_marks", "edited", "rechained", "rewrite_entries", "swap"]


def rewrite_entries(path: Path, change: Callable[[Sequence[Entry]], Sequence[Entry]]) -> None:
    """Store other entries in an object, sealed."""
    path.write_bytes(encode_entries(change(decode_entries(path.read_bytes()))))


def edited(entry: Entry, **cells: Any) -> Entry:
    """The entry with another event, and the hash that it had."""
    event: Mapping[str, Any] = {**msgspec.json.decode(entry.body), **cells}
    return Entry(entry.seq, msgspec.json.encode(event), entry.previous, entry.hash)


def rechained(run_id: str, entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries as a chain without a flaw, numbered from the first one's place and linked to what it follows."""
    if entries[0].seq == 0:
        return Trail.resumed(run_id, [entry.body.decode() for entry in entries]).entries
    chain: list[Entry] = []
    for entry in entries:
        seq, previous = (chain[-1].seq + 1, chain[-1].hash) if chain else (entry.seq, entry.previous)
        link = sha256(previous + len(entry.body).to_bytes(8, "big") + entry.body).digest()
        chain.append(Entry(seq, entry.body, previous, link))
    return chain


def edit_marks(folder: Path, number: int, change: Callable[[Sequence[Mark]], Sequence[Mark]], *, relink: bool) -> None:
    """Change the marks of a segment; with `relink`, link all later ones of its log to it anew."""
    paths = sorted(folder.iterdir())
    previous = sha256(paths[number - 1].read_bytes()).hexdigest() if number else None
    for path in paths[number:] if relink else paths[number : number + 1]:
        segment = decode_segment(path.read_bytes())
        marks = change(segment.marks) if path == paths[number] else segment.marks
        forged = Segment(marks=marks, previous_sha256=previous or segment.previous_sha256, continues=segment.continues)
        path.write_bytes(encode_segment(forged))
        previous = sha256(path.read_bytes()).hexdigest()


def swap(one: Path, other: Path) -> None:
    """Let two objects change places."""
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
