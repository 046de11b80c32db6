"""Whole columns."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdm_core.columns import Coded, Column, Joined, Keys, Pool, concat, constant, days, size, take, values

POOL = Pool(("a", None, "b"))
CODED = Coded(np.array([0, 1, 2, 0]), POOL)
KEYS = Keys("c-run", np.array([0, 1, 5, 2]))
JOINED = Joined("no ", np.array([7, 8, 9, 10]), " ", CODED)
NUMBERS = np.array([3, 1, 2, 0])
DAYS = np.array(["2024-02-29", "2026-07-04", "1969-12-31", "NaT"], dtype="datetime64[D]")
INSTANTS = np.array(["2026-07-04T23:59:59", "1969-12-31T00:00:01", "NaT", "2024-02-29T12:00:00"], dtype="datetime64[s]")
EVERY_FORM: list[Column] = [CODED, KEYS, JOINED, NUMBERS, DAYS, INSTANTS]


def test_values_are_plain_python() -> None:
    """Each form of column gives text, numbers, days and aware instants, with None where there is nothing."""
    assert values(CODED) == ["a", None, "b", "a"]
    assert values(KEYS) == ["c-run", "c-run-1", "c-run-5", "c-run-2"]
    assert values(JOINED) == ["no 7 a", "no 8 None", "no 9 b", "no 10 a"]
    assert values(NUMBERS) == [3, 1, 2, 0]
    assert values(DAYS) == [date(2024, 2, 29), date(2026, 7, 4), date(1969, 12, 31), None]
    assert values(INSTANTS) == [
        datetime(2026, 7, 4, 23, 59, 59, tzinfo=UTC),
        datetime(1969, 12, 31, 0, 0, 1, tzinfo=UTC),
        None,
        datetime(2024, 2, 29, 12, tzinfo=UTC),
    ]


@pytest.mark.parametrize("column", [CODED, KEYS, JOINED])
@pytest.mark.parametrize("other", [CODED, KEYS, JOINED])
def test_texts_are_compared_row_by_row(column: Column, other: Column) -> None:
    """Text of every form is compared with a text, and with text of every form, and gives a mask."""
    told = values(column)
    assert (column == told[2]).tolist() == [text == told[2] for text in told]
    assert (column == other).tolist() == [a == b for a, b in zip(told, values(other), strict=True)]
    assert (column != other).tolist() == [a != b for a, b in zip(told, values(other), strict=True)]
    assert not (column == 1).any()


@pytest.mark.parametrize("column", EVERY_FORM)
@given(index=st.lists(st.integers(0, 3), max_size=6))
def test_take_is_indexing(column: Column, index: list[int]) -> None:
    """Taking rows of a column gives the values at those places, in that order, once for each time asked."""
    taken = take(column, np.array(index, dtype=np.int64))
    assert values(taken) == [values(column)[i] for i in index]
    assert size(taken) == len(index)


@pytest.mark.parametrize("column", EVERY_FORM)
def test_concat_is_one_after_the_other(column: Column) -> None:
    """Columns of one form put together hold all rows in order."""
    shorter = take(column, np.array([2, 0]))
    assert values(concat([column, shorter])) == values(column) + values(shorter)
    assert concat([column]) is column


@pytest.mark.parametrize("first", EVERY_FORM)
@pytest.mark.parametrize("second", [CODED, KEYS, JOINED])
def test_concat_of_different_forms_loses_no_row(first: Column, second: Column) -> None:
    """Columns of different forms put together hold all rows in order, too."""
    assert values(concat([first, second])) == values(first) + values(second)
    assert values(concat([second, first])) == values(second) + values(first)


def test_concat_of_texts_of_several_pools() -> None:
    """Texts of several pools become texts of one, which has every entry once, nulls too."""
    first, second = Pool(("a", "b", None)), Pool((None, "c", "a"))
    columns = [Coded(np.arange(12) % 3, pool) for pool in (first, second, first)]
    whole = concat(columns)
    assert isinstance(whole, Coded)
    assert values(whole) == [value for column in columns for value in values(column)]
    assert whole.pool.values == ("a", "b", None, "c")
    assert whole.isin("a").sum() == 12


def test_concat_of_joined_texts() -> None:
    """Joined texts of one form stay joined; where the literals differ they are put together."""
    same = [Joined.format("{}-{}", np.array([number]), constant("x", 1)) for number in (1, 2)]
    whole = concat(same)
    assert isinstance(whole, Joined)
    assert values(whole) == ["1-x", "2-x"]
    other = Joined.format("{}+{}", np.array([3]), constant("x", 1))
    assert values(concat([*same, other])) == ["1-x", "2-x", "3+x"]


def test_concat_of_keys_of_two_stems() -> None:
    """Keys of two stems put together keep their texts."""
    assert values(concat([Keys("a", np.array([0, 1])), Keys("b", np.array([0]))])) == ["a", "a-1", "b"]


def test_coded_text_compares_by_element() -> None:
    """Equality, inequality and membership give masks of the column's length, and null is a value like any other."""
    assert (CODED == "a").tolist() == [True, False, False, True]
    assert (CODED != "a").tolist() == [False, True, True, False]
    assert (CODED == None).tolist() == [False, True, False, False]  # noqa: E711 - element-wise
    assert CODED.isin("b", None).tolist() == [False, True, True, False]
    assert CODED.isin("zzz").tolist() == [False] * 4
    other = Coded(np.array([1, 0, 0, 1]), Pool((None, "a")))
    assert (other == CODED).tolist() == [True, True, False, True]
    assert (other != CODED).tolist() == [False, False, True, False]


def test_coded_text_equals_no_number() -> None:
    """Comparing text with what is not text still gives a mask, as a rule's answer must have a row for each row."""
    assert (CODED == 5).tolist() == [False] * 4
    assert (CODED != 5).tolist() == [True] * 4


def test_coded_text_cannot_be_hashed() -> None:
    """A column is no dictionary key, since its equality is a mask."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(CODED)


def test_constant_of_each_type() -> None:
    """A constant column holds the value in the form that its type has."""
    assert values(constant("x", 2)) == ["x", "x"]
    assert values(constant(None, 2)) == [None, None]
    assert values(constant(True, 2)) == [True, True]
    assert values(constant(5, 0)) == []
    assert values(constant(date(2026, 7, 4), 1)) == [date(2026, 7, 4)]
    first, second = constant("x", 1), constant("x", 9)
    assert isinstance(first, Coded)
    assert isinstance(second, Coded)
    assert first.pool is second.pool


def test_days_of_instants_are_utc() -> None:
    """An instant falls on its UTC day, before 1970 too."""
    assert values(days(INSTANTS)) == [date(2026, 7, 4), date(1969, 12, 31), None, date(2024, 2, 29)]


def test_pool_needs_a_value() -> None:
    """A pool of nothing is refused, as nothing could be drawn from it."""
    with pytest.raises(ValueError, match="at least one value"):
        Pool(())


def test_joined_needs_a_column() -> None:
    """Text of literals alone is refused, as nobody would know how many rows it has."""
    with pytest.raises(ValueError, match="at least one column"):
        Joined("a", "b")


@pytest.mark.parametrize("template", ["{}", "{} {} {}", "none"])
def test_template_must_fit_its_columns(template: str) -> None:
    """A template with more or fewer places than columns is refused, saying both numbers."""
    with pytest.raises(ValueError, match="places for 2 columns"):
        Joined.format(template, CODED, NUMBERS)


def test_joined_template() -> None:
    """A template puts literals and columns together in order."""
    assert values(Joined.format("{}-{}!", NUMBERS, CODED))[0] == "3-a!"
