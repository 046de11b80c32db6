"""How values read on a page: statuses, moments, durations, JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import msgspec
from markupsafe import escape
from msgspec import Struct

__all__ = ["Badge", "Moment", "Room", "badge", "duration", "excerpt", "moment", "plain"]

Tone: TypeAlias = Literal["good", "bad", "quiet"]

_GOOD: Final = frozenset({"ok", "ready", "passed", "cleaned", "completed", "expired"})
_BAD: Final = frozenset({"rejected", "failed", "rolled_back"})
_CUT: Final = "(shortened; see the JSON)"
_LONGEST: Final = 60  # characters of a user's text in a line
_MINUTE: Final = 60  # seconds
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class Badge(Struct, frozen=True):
    """A status in words, and the colour that goes with it."""

    text: str
    tone: Tone


class Moment(Struct, frozen=True):
    """A moment, UTC: for machines (RFC 3339), as day and time, and as time alone."""

    machine: str
    text: str
    clock: str


class Room:
    """What is left of the characters that a page spends on JSON, so that no trail makes it too large."""

    def __init__(self, characters: int, each: int) -> None:
        """`characters` for all texts together, `each` for one of them; both counted as they stand in the HTML."""
        self._left = characters
        self._each = each

    def json(self, value: Any) -> str:
        """The value as indented JSON, cut at a line's end where there is no room for more."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        kept: list[str] = []
        taken = 0
        for line in text.split("\n"):
            taken += len(str(escape(line)).encode()) + 1
            if taken > min(self._each, self._left):
                kept.append(_CUT)
                break
            kept.append(line)
        shown = "\n".join(kept)
        self._left = max(0, self._left - taken)
        return shown


def badge(status: str) -> Badge:
    """A status as a badge."""
    tone: Tone = "good" if status in _GOOD else "bad" if status in _BAD else "quiet"
    return Badge(status.replace("_", " "), tone)


def moment(at: datetime) -> Moment:
    """A moment, to the millisecond."""
    utc = at.astimezone(UTC)
    clock = f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03}"
    return Moment(f"{utc:%Y-%m-%d}T{clock}Z", f"{utc:%Y-%m-%d} {clock[:8]} UTC", clock)


def duration(length: timedelta) -> str:
    """`0.4 ms`, `12 ms`, `3.21 s`, `4 min 5 s`, `2 h 7 min`, `3 d 2 h`."""
    seconds = length.total_seconds()
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.2f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def excerpt(text: str) -> str:
    """The text, or its beginning where it is too long for a line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def plain(value: Any) -> str:
    """A value as a person would write it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()
