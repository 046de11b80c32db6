"""Rules: what validators of packs are made of."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from atdm_core import Entity, Key, Keys, Mask, OneOf, Pool, Ref, Rule, Table, references, validator
from atdm_core.columns import Coded
from atdm_core.errors import PackInvalid

OWNER = Entity(name="owner", key="id", columns={"id": Key(), "state": OneOf(allowed=("good", "bad"))})
PET = Entity(
    name="pet", key="id", columns={"id": Key(), "owner_id": Ref(entity="owner"), "mood": OneOf(allowed=("up", "down"))}
)
MOODS = Pool(("up", "down"))
STATES = Pool(("good", "bad"))


def owners(*states: str) -> Table:
    """Owners in these states."""
    codes = np.array([STATES.values.index(state) for state in states], dtype=np.int64)
    return Table(OWNER, {"id": Keys("o", np.arange(len(states))), "state": Coded(codes, STATES)})


def pets(*pairs: tuple[int, str]) -> Table:
    """Pets by the number of their owner and their mood."""
    columns = {
        "id": Keys("p", np.arange(len(pairs))),
        "owner_id": Keys("o", np.array([owner for owner, _ in pairs], dtype=np.int64)),
        "mood": Coded(np.array([MOODS.values.index(mood) for _, mood in pairs], dtype=np.int64), MOODS),
    }
    return Table(PET, columns)


def tables(*made: Table) -> dict[str, Table]:
    """Tables by entity."""
    return {table.entity.name: table for table in made}


@validator("mood.up", over="pet", shows=("pet.id", "pet.mood"))
def pets_are_up(pet: Table) -> Mask:
    """A pet is up.

    More is told here, for readers of the code.
    """
    return pet["mood"] == "down"


@validator("mood.some", over="owner", beside="pet", broken_when="all", shows=("owner.id", "pet.id"))
def some_pet_is_up(owner: Table, pet: Table) -> Mask:
    """An owner who has pets has one that is up."""
    assert len(owner) == len(pet)
    return pet["mood"] == "down"


@validator("mood.every", over="owner", beside="pet", shows=("owner.id", "pet.id", "pet.mood"))
def every_pet_is_up(owner: Table, pet: Table) -> Mask:
    """An owner's pets are all up."""
    assert len(owner) == len(pet)
    return pet["mood"] == "down"


def rows_of(rule: Rule, made: Mapping[str, Table]) -> tuple[int, Sequence[Mapping[str, str]]]:
    """How many rows a finding counts, and those that it shows."""
    finding = rule.judge(made)
    assert finding.ok is (not finding.details)
    return finding.details.get("broken_rows", 0), finding.details.get("rows", [])


def test_rule_over_one_entity() -> None:
    """A broken row is counted and shown with the named columns; unbroken rows make an ok finding without details."""
    broken = pets_are_up.judge(tables(pets((0, "up"), (0, "down"))))
    assert not broken.ok
    assert broken.validator == "mood.up"
    assert broken.details == {"entity": "pet", "broken_rows": 1, "rows": [{"pet.id": "p-1", "pet.mood": "down"}]}
    passed = pets_are_up.judge(tables(pets((0, "up"))))
    assert passed.ok
    assert passed.details == {}


def test_message_is_the_first_line_of_the_docstring() -> None:
    """Users read the first line of the rule's docstring."""
    assert pets_are_up.message == "A pet is up."


def test_rule_without_a_docstring_is_refused() -> None:
    """A rule that says nothing is refused when it is made, as nobody could understand its rejection."""

    def silent(pet: Table) -> Mask:
        return pet["mood"] == "down"

    with pytest.raises(PackInvalid, match=r"validator mood\.silent: the function needs a docstring"):
        validator("mood.silent", over="pet")(silent)


def test_any_broken_pair_breaks_the_row() -> None:
    """With 'any', one broken pair is enough, the row counts once, and the pair that broke it is shown."""
    made = tables(owners("good", "good", "good"), pets((0, "up"), (0, "down"), (1, "up"), (0, "down")))
    assert rows_of(every_pet_is_up, made) == (1, [{"owner.id": "o", "pet.id": "p-1", "pet.mood": "down"}])


def test_all_broken_pairs_break_the_row() -> None:
    """With 'all', a row is broken only when each of its pairs is."""
    made = tables(owners("good", "good"), pets((0, "up"), (0, "down"), (1, "down"), (1, "down")))
    assert rows_of(some_pet_is_up, made) == (1, [{"owner.id": "o-1", "pet.id": "p-2"}])


@pytest.mark.parametrize("rule", [some_pet_is_up, every_pet_is_up])
def test_row_without_a_partner_is_not_judged(rule: Rule) -> None:
    """An owner without pets breaks no rule about pets."""
    assert rule.judge(tables(owners("good", "bad"), pets((0, "up")))).ok
    assert rule.judge(tables(owners("good"))).ok
    assert rule.judge({}).ok


@pytest.mark.parametrize("rule", [some_pet_is_up, every_pet_is_up])
def test_aligned_rows_are_judged_alike(rule: Rule) -> None:
    """Where row i belongs to row i, both ways of counting find the same rows."""
    made = tables(owners("good", "good", "good"), pets((0, "up"), (1, "down"), (2, "up")))
    broken, shown = rows_of(rule, made)
    assert broken == 1
    assert shown[0]["owner.id"] == "o-1"
    assert shown[0]["pet.id"] == "p-1"


def test_a_few_rows_are_shown_and_all_counted() -> None:
    """A finding on many broken rows tells their number and shows the first five."""
    broken, shown = rows_of(pets_are_up, tables(pets(*[(0, "down")] * 9)))
    assert broken == 9
    assert [row["pet.id"] for row in shown] == ["p", "p-1", "p-2", "p-3", "p-4"]


def test_reference_rule() -> None:
    """A reference to a row that the bundle does not have is shown; without the table nothing is judged."""
    rule = references("owned", over="pet", column="owner_id", entity="owner")
    assert rule.judge(tables(owners("good"), pets((0, "up")))).ok
    finding = rule.judge(tables(owners("good"), pets((0, "up"), (7, "up"))))
    assert not finding.ok
    assert finding.message == "Every pet refers to a owner of its own bundle."
    assert finding.details == {"entity": "pet", "broken_rows": 1, "rows": [{"pet.owner_id": "o-7"}]}
    assert not rule.judge(tables(pets((0, "up")))).ok
    assert rule.judge(tables(owners("good"))).ok
