"""The chain of a trail, and what happens to one that was tampered with."""

from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest

from atdm_core.audit import Entry, Part, Trail, chain_hash, genesis
from atdm_core.errors import TrailBroken
from tests.unit.atdm_core.audit.trails import a_trail


def test_the_chain_covers_every_entry() -> None:
    """Each hash covers the exact bytes of its event, their length, and the hash before; the first one the run's id."""
    trail = a_trail()
    previous = genesis("run")
    assert previous == sha256(b"atdm trail 1:run").digest()
    for place, entry in enumerate(trail.entries):
        assert entry.seq == place
        assert entry.previous == previous
        assert entry.hash == sha256(previous + len(entry.body).to_bytes(8, "big") + entry.body).digest()
        previous = entry.hash
    assert trail.head == previous


def test_an_empty_trail_ends_in_its_genesis() -> None:
    """A trail without events has a head of its own run."""
    assert Trail("run").head == genesis("run") != Trail("other").head


def test_length_is_part_of_the_hash() -> None:
    """Bytes cannot move from one event to the next without a trace."""
    assert chain_hash(b"ab", b"c") != chain_hash(b"a", b"bc")


def test_events_read_back_as_recorded() -> None:
    """What is recorded reads back with all it said."""
    trail = Trail("run")
    event = trail.record(
        "seed_failed",
        invoker="human:ann",
        status="rolled_back",
        inputs={"a": 1},
        tools_called=["target.seed"],
        outputs={"b": [None]},
        reviewer_decision="rejected",
    )
    (read,) = trail.events
    assert read == event
    assert (read.test_run_id, read.invoker, read.schema_version) == ("run", "human:ann", "1")
    assert read.tools_called == ("target.seed",)
    assert read.timestamp.tzinfo is not None


def test_parts_form_the_trail() -> None:
    """A trail read from its parts, in whatever order they come, equals the one that was stored, and goes on."""
    trail = Trail("run")
    parts: list[Part] = []
    for actions in (["request_received", "catalog_recorded"], ["reset_started"], ["reset_completed"]):
        for action in actions:
            trail.record(action, invoker="x")
        parts.append(trail.unstored())
        trail.mark_stored()
    read = Trail.of_parts("run", reversed(parts))
    assert read.entries == trail.entries
    read.record("reset_rejected", invoker="y")
    assert read.unstored().version == 3
    assert [entry.seq for entry in read.unstored().entries] == [4]


def test_withdraw_forgets_what_is_not_stored() -> None:
    """Entries can be withdrawn while they are in no stored part, and never after."""
    trail = a_trail("one", "two", "three")
    trail.withdraw("two")
    assert [event.action for event in trail.events] == ["one"]
    trail.mark_stored()
    trail.record("two", invoker="x")
    trail.withdraw("one")
    trail.withdraw("never")
    assert [event.action for event in trail.events] == ["one", "two"]


def test_every_byte_of_a_body_and_a_hash_counts() -> None:
    """A change of any single byte of any entry is detected, and the entry is named."""
    entries = a_trail("one", "two").entries
    for place, entry in enumerate(entries):
        for field in ("body", "previous", "hash"):
            stored: bytes = getattr(entry, field)
            for i in range(len(stored)):
                changed = stored[:i] + bytes([stored[i] ^ 1]) + stored[i + 1 :]
                tampered = [*entries]
                tampered[place] = msgspec.structs.replace(entry, **{field: changed})
                with pytest.raises(TrailBroken, match=f"run run: entry {place} does not match its hash"):
                    Trail.of_parts("run", [Part("run", 0, tuple(tampered))])


def without_first(one: Entry, two: Entry, three: Entry) -> list[Entry]:
    """The first entry is gone."""
    del one
    return [two, three]


def without_second(one: Entry, two: Entry, three: Entry) -> list[Entry]:
    """An entry in the middle is gone."""
    del two
    return [one, three]


def swapped(one: Entry, two: Entry, three: Entry) -> list[Entry]:
    """Two entries have changed places."""
    return [two, one, three]


def doubled(one: Entry, two: Entry, three: Entry) -> list[Entry]:
    """An entry stands twice."""
    return [one, two, three, three]


def rehashed(one: Entry, two: Entry, three: Entry) -> list[Entry]:
    """An entry was edited, and has a hash that fits the edit."""
    edited = one.body.replace(b"one", b"eno")
    return [msgspec.structs.replace(one, body=edited, hash=chain_hash(one.previous, edited)), two, three]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (without_first, "entry 0 is missing, found 1"),
        (without_second, "entry 1 is missing, found 2"),
        (swapped, "entry 0 is missing, found 1"),
        (doubled, "entry 3 is missing, found 2"),
        (rehashed, "entry 1 does not match its hash"),
    ],
)
def test_other_orders_are_detected(tamper: Callable[[Entry, Entry, Entry], list[Entry]], told: str) -> None:
    """A deletion, a swap, an insertion and an edit with a new hash are detected."""
    one, two, three = a_trail("one", "two", "three").entries
    with pytest.raises(TrailBroken) as refusal:
        Trail.of_parts("run", [Part("run", 0, tuple(tamper(one, two, three)))])
    assert told in refusal.value.message
    assert refusal.value.run_id == "run"


def test_another_run_s_trail_is_detected() -> None:
    """A whole trail cannot pass as that of another run."""
    with pytest.raises(TrailBroken, match="run other: entry 0 does not match its hash"):
        Trail.of_parts("other", [Part("other", 0, a_trail().entries)])


def test_missing_and_swapped_parts_are_detected() -> None:
    """A part that is missing is named, and parts whose content was swapped do not match."""
    entries = a_trail("one", "two", "three").entries
    first, second, third = (Part("run", i, (entry,)) for i, entry in enumerate(entries))
    with pytest.raises(TrailBroken, match="run run: part 1 is missing"):
        Trail.of_parts("run", [first, third])
    with pytest.raises(TrailBroken, match="run run: part 0 is missing"):
        Trail.of_parts("run", [second])
    misplaced = [first, Part("run", 1, third.entries), Part("run", 2, second.entries)]
    with pytest.raises(TrailBroken, match="run run: entry 1 is missing, found 2"):
        Trail.of_parts("run", misplaced)
