"""Which rows belong together."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdm_core import Entity, Key, Keys, Pool, Ref, Table
from atdm_core.columns import Coded, Column
from atdm_core.errors import PackInvalid
from atdm_core.matching import missing, pairs

PARENT = Entity(name="parent", key="id", columns={"id": Key()})
CHILD = Entity(name="child", key="id", columns={"id": Key(), "parent_id": Ref(entity="parent", nullable=True)})
PEER = Entity(name="peer", key="id", columns={"id": Key(), "owner": Ref(entity="parent", nullable=True)})
STRANGER = Entity(name="stranger", key="id", columns={"id": Key()})

REFS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=8)


def text(refs: Sequence[str | None]) -> Column:
    """A column of texts."""
    pool = Pool(dict.fromkeys([*refs, "unused"]))
    return Coded(np.array([pool.values.index(ref) for ref in refs], dtype=np.int64), pool)


def keys(ordinals: Sequence[int], stem: str = "p-run") -> Keys:
    """A column of keys."""
    return Keys(stem, np.array(ordinals, dtype=np.int64))


def parents(column: Column) -> Table:
    """Parents with these keys."""
    return Table(PARENT, {"id": column})


def children(refs: Column) -> Table:
    """Children that refer to these parents."""
    return Table(CHILD, {"id": keys(range(len(refs)), "ch-run"), "parent_id": refs})


def peers(refs: Column) -> Table:
    """Peers that refer to these parents."""
    return Table(PEER, {"id": keys(range(len(refs)), "pe-run"), "owner": refs})


def joined(left: Sequence[object], right: Sequence[object]) -> list[tuple[int, int]]:
    """The join that a database would make: null equals nothing."""
    return [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a is not None and a == b]


def found(left: Table, right: Table) -> list[tuple[int, int]]:
    """The pairs, spelled out."""
    i, j = pairs(left, right)
    if i is None or j is None:
        return [(row, row) for row in range(len(left))]
    return list(zip(i.tolist(), j.tolist(), strict=True))


def test_aligned_rows_are_seen_at_once() -> None:
    """Where row i belongs to row i and to no other, nothing is rearranged."""
    assert pairs(children(keys(range(5))), parents(keys(range(5)))) == (None, None)
    assert pairs(parents(keys([3, 4, 9])), peers(keys([3, 4, 9]))) == (None, None)


def test_equal_but_repeated_references_are_many_to_many() -> None:
    """Two equal columns with repeated values are not aligned: each row belongs to every equal one."""
    assert found(children(keys([0, 0, 1])), peers(keys([0, 0, 1]))) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]


def test_one_to_many() -> None:
    """Several children of a parent each stand beside it, and a parent without a child beside none."""
    assert found(parents(keys([0, 1, 2])), children(keys([2, 0, 2]))) == [(0, 1), (2, 0), (2, 2)]
    assert found(children(keys([2, 0, 2])), parents(keys([0, 1, 2]))) == [(0, 2), (1, 0), (2, 2)]


def test_nothing_in_common() -> None:
    """Rows that do not meet make no pair, nor do tables without rows."""
    assert found(children(keys([5, 6])), parents(keys([0, 1]))) == []
    assert found(children(keys([])), parents(keys([0, 1]))) == []
    assert found(children(keys([0])), parents(keys([]))) == []


def test_null_belongs_to_nothing() -> None:
    """A null reference stands beside no row, not even beside another null."""
    assert found(children(text([None, "a"])), peers(text([None, "a"]))) == [(1, 1)]
    assert found(children(text([None])), peers(text([None]))) == []


def test_keys_and_texts_meet_by_text() -> None:
    """A reference written as text finds the key that reads the same."""
    assert found(children(text(["p-run", "p-run-2", "other"])), parents(keys([2, 1, 0]))) == [(0, 2), (1, 0)]
    assert found(children(keys([0], "x")), parents(keys([0], "y"))) == []


@given(left=REFS, right=REFS)
@settings(max_examples=200)
def test_pairs_equal_a_join(left: list[str | None], right: list[str | None]) -> None:
    """The pairs of any two columns of references are those of a join row by row."""
    assert found(children(text(left)), peers(text(right))) == joined(left, right)


@given(left=st.lists(st.integers(0, 4), max_size=8), right=st.lists(st.integers(0, 4), max_size=8))
@settings(max_examples=200)
def test_pairs_of_keys_equal_a_join(left: list[int], right: list[int]) -> None:
    """The pairs of any two columns of keys are those of a join row by row."""
    assert found(children(keys(left)), peers(keys(right))) == joined(left, right)


@given(refs=REFS, known=st.lists(st.sampled_from(["a", "b", "c"]), max_size=4))
def test_missing_equals_a_lookup(refs: list[str | None], known: list[str]) -> None:
    """A reference is missing when it is not null and no parent has its key."""
    expected = [ref is not None and ref not in known for ref in refs]
    assert missing(text(refs), parents(text(known))).tolist() == expected


def test_everything_is_missing_without_parents() -> None:
    """Without any parent every reference that is not null is missing."""
    assert missing(text(["a", None]), None).tolist() == [True, False]
    assert missing(keys([0, 1]), None).tolist() == [True, True]
    assert missing(keys([0, 7]), parents(keys([0, 1]))).tolist() == [False, True]


def test_strangers_cannot_be_paired() -> None:
    """Entities that share no reference are refused, by name."""
    with pytest.raises(PackInvalid, match="child and stranger share no reference"):
        pairs(children(keys([0])), Table(STRANGER, {"id": keys([0])}))
