"""One run as a whole: its trail, the marks of the process logs, its catalog row, and the checkpoint, side by side."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from atdm_core.audit import CANCEL, Trail
from atdm_core.catalog import catalog_row
from atdm_core.draw import Seed
from atdm_core.errors import TrailBroken
from atdm_core.expiry import EXTENDED, EXTENDING
from atdm_core.run import keys_made, put_keys
from atdm_core.values import CatalogRow, Outcome
from atdm_server.store.catalog import decode_row
from atdm_server.store.objects import AUDIT
from atdm_server.verify.facts import Fact
from atdm_server.verify.report import OpenRun, Problem
from atdm_server.verify.run_objects import RunObjects, row_key
from atdm_server.verify.trails import DECIDING, CheckedTrail, check_trail, is_strategy

__all__ = ["CheckedRun", "check_run"]

_OF_THE_ROW: Final = (
    "request_id",
    "domain",
    "scenario_id",
    "planner_mode",
    "seed",
    "as_of",
    "constraints",
    "cleanup_strategy",
)
_OF_ITS_MAKER: Final = ("created_at", "invoker", "pack_version")
"""What a retry may tell anew, which carries on a run whose server died before its row was written, or just after."""

_DECIDED: Final = ("ready", "rolled_back")
"""The states of a mark that ends a seed, and nothing else."""


class CheckedRun(Struct):
    """What was found out about a run."""

    trail: CheckedTrail
    problems: list[Problem] = field(default_factory=list[Problem])
    open: OpenRun | None = None


def check_run(objects: RunObjects, facts: Sequence[Fact]) -> CheckedRun:
    """Everything that can be said of a run from its objects and from what other objects say of it."""
    trail = check_trail(objects)
    row = _row(trail, objects)
    _check_presence(trail, objects, row, facts)
    if trail.entries:
        _check_marks(trail, objects.view_key, facts)
        _check_row(trail, row, facts)
    _check_token(trail, row, facts)
    _check_checkpoint(trail, objects.view_key, facts)
    return CheckedRun(trail, trail.problems, None if trail.problems else _unfinished(trail, objects, facts))


def _marks(facts: Sequence[Fact], *kinds: str) -> list[Fact]:
    return [fact for fact in facts if fact.kind in kinds]


def _is_seeding(opened: Fact) -> bool:
    return opened.state in ("seeding", "")


def _decided(trail: CheckedTrail) -> str | None:
    return next((e.event.action for e in trail.entries if e.event.action in DECIDING), None)


def _check_presence(trail: CheckedTrail, objects: RunObjects, row: CatalogRow | None, facts: Sequence[Fact]) -> None:
    """What must be there, since something else says that it was written."""
    opened = _marks(facts, "open")
    # A request whose key belonged to another run already leaves two marks and nothing else; and with another's token an
    # open run may have been asked for.
    settled = [fact for fact in _marks(facts, "close", "denied") if fact.state not in ("superseded", CANCEL)]
    if objects.view is None and settled and not objects.parts:
        told = f"{settled[0].key} says that this run was decided; restore the object"
        trail.complain("missing", objects.view_key, told)
    if objects.view is None and row and row.status != "rejected" and not opened:
        told = "there is a catalog row, and no segment says that the run was begun: both this and a segment are gone"
        trail.complain("missing", objects.view_key, told)
    decided = _decided(trail)
    unopened = not opened and decided != "plan_rejected"  # a rejected run is not opened, and its row comes last
    # A run whose server died between its record and its row may expire before recovery stores the row.
    has_row = unopened or any(fact.state != "expired" for fact in settled)
    if objects.view and objects.row is None and not is_strategy(trail.run_id) and has_row:
        trail.complain("missing", row_key(trail.run_id), "the catalog row of this run is gone; restore the object")
    if decided == "catalog_recorded" and not any(map(_is_seeding, opened)):
        told = f"no segment says that run {trail.run_id} was begun; one that did is gone, or a whole log"
        trail.complain("missing", f"{AUDIT}/segments/", told)


def _check_marks(trail: CheckedTrail, key: str, facts: Sequence[Fact]) -> None:
    """The trail must pass through what the process logs have seen of it."""
    # Several processes may have begun the run, one after the other; the trail is that of one of them.
    begun = [fact for fact in _marks(facts, "open") if fact.count > 0]
    if _decided(trail) != "plan_rejected" and begun and not any(trail.passes(f.head, f.count) for f in begun):
        told = f"the trail does not begin as {begun[0].key} has it; one of the two was edited"
        trail.complain("contradiction", key, told, begun[0].count - 1)
    hashes = trail.hashes()
    for fact in _marks(facts, "close", "denied"):
        if fact.head and fact.head not in hashes:
            told = f"the trail does not pass through {fact.head}, where {fact.key} left it: edited, or cut off"
            trail.complain("contradiction", key, told)
    refused = Counter(fact.state for fact in _marks(facts, "denied") if not fact.head and fact.state != CANCEL)
    recorded = Counter(entry.event.action for entry in trail.entries)
    for state, times in refused.items():
        if recorded[f"{state}_rejected"] < times:
            told = f"the logs know of {times} refusals ({state}), the trail of fewer: it was cut off"
            trail.complain("contradiction", key, told)


def _row(trail: CheckedTrail, objects: RunObjects) -> CatalogRow | None:
    if objects.row is None:
        return None
    key = row_key(objects.run_id)
    try:
        row = decode_row(objects.row)
    except TrailBroken as error:
        trail.complain("damaged", key, f"{error.message}; restore the object from a copy")
        return None
    if row.test_run_id != objects.run_id:
        trail.complain("contradiction", key, f"this is the row of run {row.test_run_id}; restore the object")
    return row


def _check_row(trail: CheckedTrail, row: CatalogRow | None, facts: Sequence[Fact]) -> None:
    """The row against the trail that it repeats."""
    decided = _decided(trail)
    if row is None or decided is None:
        return
    key = row_key(trail.run_id)
    try:
        expected = catalog_row(Trail.resumed(trail.run_id, (entry.body.decode() for entry in trail.entries)), "")
    except (KeyError, msgspec.ValidationError):
        trail.complain("contradiction", key, "the trail has no request and plan that a row could be of")
        return
    carried_on = sum(map(_is_seeding, _marks(facts, "open"))) > 1
    for name in _OF_THE_ROW if carried_on else (*_OF_THE_ROW, *_OF_ITS_MAKER):
        told, wanted = getattr(row, name), getattr(expected, name)
        if told != wanted:
            trail.complain("contradiction", key, f"{name} is {told!r}, and {wanted!r} in the trail; the row was edited")
    if row.answer and not _is_answer_of(trail, row):
        trail.complain("contradiction", key, "the answer that it keeps is not one to this run; the row was edited")
    if (row.status == "rejected") != (decided == "plan_rejected"):
        trail.complain("contradiction", key, f"status is {row.status!r}, and the trail was decided by {decided}")


def _is_answer_of(trail: CheckedTrail, row: CatalogRow) -> bool:
    """Whether a kept answer names the run, its seed and its day, and no rows but those that the trail says it made."""
    try:
        answer = msgspec.json.decode(row.answer, type=Outcome)
    except msgspec.DecodeError:
        return False
    events = [entry.event for entry in trail.entries]
    seeded = (event.outputs for event in events if event.action == "seed_completed")
    made = [record["primary_key"] for outputs in seeded for record in outputs.get("records_created", ())]
    # The row is stored before the target tells which keys it made.
    data: dict[str, Any] = put_keys(answer.data, keys_made(events))
    keys: list[Any] = []
    for value in data.values():
        keys += value if isinstance(value, list) else [value]
    plan = next(event.outputs["plan"] for event in events if event.action == "plan_resolved")
    named = (answer.test_run_id, answer.seed, answer.as_of)
    wanted = (row.test_run_id, msgspec.convert(plan["seed"], Seed), row.as_of)
    return named == wanted and all(key in made for key in keys if made)


def _check_token(trail: CheckedTrail, row: CatalogRow | None, facts: Sequence[Fact]) -> None:
    for fact in _marks(facts, "open"):
        if row and fact.token_sha256 and fact.token_sha256 != row.token_sha256:
            told = f"token_sha256 is another than {fact.key} has; whoever edited it may want to take the run back"
            trail.complain("contradiction", row_key(trail.run_id), told)


def _check_checkpoint(trail: CheckedTrail, key: str, facts: Sequence[Fact]) -> None:
    for fact in _marks(facts, "checkpoint"):
        if len(trail.entries) < fact.count:
            told = f"the checkpoint has seen {fact.count} entries, there are {len(trail.entries)}: it was cut off"
            trail.complain("cut_off", key, told, len(trail.entries))
        elif not trail.passes(fact.head, fact.count):
            told = f"the trail does not pass through {fact.head}, which the checkpoint has seen: it was rewritten"
            trail.complain("contradiction", key, told, fact.count - 1)


def _unfinished(trail: CheckedTrail, objects: RunObjects, facts: Sequence[Fact]) -> OpenRun | None:
    opened, closed = _marks(facts, "open"), _marks(facts, "close")
    if objects.view is None and objects.row is not None and not opened:
        return OpenRun(trail.run_id, "a row and no trail: its server ended between the two")
    if objects.view is not None and objects.row is None and not is_strategy(trail.run_id):
        return OpenRun(trail.run_id, "a trail and no row: its server ended between the two")
    left = {(_log_of(fact), fact.state): fact for fact in opened if not _is_ended(fact, closed)}
    # Recovery says how a run is after it looked at work that had come to nothing.
    looked_at = sum(fact.state in _DECIDED for fact in closed) - 1
    if len(left) > max(looked_at, 0):
        return OpenRun(trail.run_id, f"{[*left.values()][-1].state or 'seeding'} was begun and has not ended")
    return None


def _is_ended(opened: Fact, closed: Sequence[Fact]) -> bool:
    """Whether some mark says that this work is over, as recovery reads them (`atdm_core.recovery`)."""
    if any(fact.state not in (*_DECIDED, "kept", EXTENDED) for fact in closed):
        return True
    if _is_seeding(opened):
        return any(fact.state in _DECIDED for fact in closed)
    if opened.state == EXTENDING:  # where the process died that began it, another one ends it in its own log
        ends = [fact for fact in closed if fact.state == EXTENDED]
        return any(_log_of(fact) != _log_of(opened) or fact.key >= opened.key for fact in ends)
    return any(fact.state == "kept" and _log_of(fact) == _log_of(opened) and fact.key >= opened.key for fact in closed)


def _log_of(fact: Fact) -> str:
    return fact.key.rpartition("/")[0]
