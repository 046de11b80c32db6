from datetime import UTC, datetime, timedelta, timezone

import pytest
from markupsafe import escape

from atdm_server.pages.wording import Room, badge, duration, moment, plain


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 ms"),
        (0.0004, "0.4 ms"),
        (0.012, "12 ms"),
        (3.214, "3.21 s"),
        (245, "4 min 5 s"),
        (7625, "2 h 7 min"),
        (266_400, "3 d 2 h"),
    ],
)
def test_duration(seconds: float, told: str) -> None:
    """A duration is told in the unit that a person would choose."""
    assert duration(timedelta(seconds=seconds)) == told


def test_moment_is_utc() -> None:
    """A moment of any time zone is shown in UTC, for people and for machines."""
    shown = moment(datetime(2026, 3, 1, 1, 30, 5, 7999, tzinfo=timezone(timedelta(hours=2))))
    assert (shown.machine, shown.text, shown.clock) == (
        "2026-02-28T23:30:05.007Z",
        "2026-02-28 23:30:05 UTC",
        "23:30:05.007",
    )
    assert moment(datetime(2026, 3, 1, tzinfo=UTC)).machine == "2026-03-01T00:00:00.000Z"


@pytest.mark.parametrize(("value", "shown"), [("text", "text"), ("", '""'), (None, "null"), (True, "true"), (3, "3")])
def test_plain(value: object, shown: str) -> None:
    """Text stands as it is; everything else, the empty text too, is JSON."""
    assert plain(value) == shown


def test_badges() -> None:
    """A badge has the words of the status, and a colour by whether it is good news."""
    assert [badge(status).tone for status in ("ready", "rolled_back", "whatever")] == ["good", "bad", "quiet"]
    assert badge("rolled_back").text == "rolled back"


def test_room_is_never_exceeded() -> None:
    """JSON is cut at the end of a line, says so, and takes no more room than there is, counted as HTML."""
    room = Room(1000, each=400)
    texts = [room.json({f"a & {i}": '"<>"' for i in range(50)}) for _ in range(5)]
    assert all(text.endswith("(shortened; see the JSON)") for text in texts)
    assert sum(len(escape(text)) for text in texts) < 1000 + 5 * 80
    assert len(escape(texts[0])) < 480
    assert Room(1000, each=400).json({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
