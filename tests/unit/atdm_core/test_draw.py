"""The draw and its seeded source."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from atdm_core import Bundle, Draw, Pool, SeededSource, Source, Table, generate
from atdm_core.columns import values
from atdm_core.draw import LARGEST_SEED, splitmix64
from atdm_core.errors import GeneratorFailed
from atdm_core.strategies import Search, SearchedSource
from tests.unit.atdm_core.shop import AS_OF, SHOP, make_bundle, make_plan
from tests.unit.atdm_core.sources import ScriptedSource

SEEDS = st.integers(0, LARGEST_SEED)
STREAMS = st.text(min_size=1, max_size=30)


def make_draw(
    source: Source | None = None,
    *,
    rows: range = range(1),
    made: Mapping[str, Sequence[Table]] | None = None,
    repeat: int = 0,
    repeats: int = 1,
    run_id: str = "run",
    **constraints: object,
) -> Draw:
    """A draw for the shop's orders."""
    return Draw(
        source or SeededSource(7),
        entity="order",
        rows=rows,
        as_of=AS_OF,
        run_id=run_id,
        constraints=constraints,
        made=made or {},
        repeat=repeat,
        repeats=repeats,
    )


def test_splitmix64_reference_vector() -> None:
    """The generator gives the published outputs for the published seed."""
    with np.errstate(over="ignore"):
        outputs = splitmix64(np.uint64(1234567), np.arange(5, dtype=np.uint64))
    assert outputs.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_values_are_the_same_for_ever() -> None:
    """A seed and a stream mean the same numbers in every process and on every machine."""
    assert SeededSource(7).below(1000, "member.first_name", range(6)).tolist() == [56, 520, 869, 440, 550, 849]
    assert SeededSource(LARGEST_SEED).below(2**32, "x", range(2)).tolist() == [4013057111, 804724074]


@given(seed=SEEDS, stream=STREAMS, start=st.integers(0, 10**6), length=st.integers(1, 40), step=st.integers(1, 7))
@settings(max_examples=50, deadline=None)
def test_any_shard_equals_the_whole(seed: int, stream: str, start: int, length: int, step: int) -> None:
    """Any range of rows, with gaps too, made alone equals the same rows of the whole."""
    source = SeededSource(seed)
    rows = range(start, start + length * step, step)
    whole = source.below(97, stream, range(start, start + length * step))
    assert source.below(97, stream, rows).tolist() == whole[::step].tolist()
    assert SeededSource(seed).below(97, stream, range(rows[-1], rows[-1] + 1)).tolist() == [
        whole[rows[-1] - start].item()
    ]


@given(seed=SEEDS, stream=STREAMS, bound=st.integers(1, 2**32))
@settings(max_examples=50, deadline=None)
def test_answers_lie_in_the_bound(seed: int, stream: str, bound: int) -> None:
    """Every answer is an integer from 0 to below the bound."""
    answers = SeededSource(seed).below(bound, stream, range(50))
    assert answers.dtype == np.int64
    assert answers.min() >= 0
    assert answers.max() < bound


@pytest.mark.parametrize("bound", [2, 7, 10, 1000])
def test_answers_are_uniform(bound: int) -> None:
    """Every value below the bound is as likely as any other: chi-square within six deviations of its mean."""
    for stream in ("a", "b", "member.first_name"):
        counts = np.bincount(SeededSource(11).below(bound, stream, range(200_000)), minlength=bound)
        expected = 200_000 / bound
        chi_square = ((counts - expected) ** 2 / expected).sum()
        assert abs(chi_square - (bound - 1)) < 6 * np.sqrt(2 * (bound - 1))


def test_streams_and_seeds_are_independent() -> None:
    """Two streams of a seed, two seeds of a stream and two neighbouring rows do not follow one another."""
    rows = range(50_000)
    one = SeededSource(1).below(2**32, "claim.status", rows)
    others = [
        SeededSource(1).below(2**32, "claim.statut", rows),
        SeededSource(2).below(2**32, "claim.status", rows),
        np.roll(one, 1),
    ]
    for other in others:
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_seed_outside_json_is_refused(seed: int) -> None:
    """A seed that JSON cannot carry exactly is refused, and the error says from where to where."""
    with pytest.raises(ValueError, match=f"from 0 to {LARGEST_SEED}"):
        SeededSource(seed)


@pytest.mark.parametrize("bound", [0, -3, 2**32 + 1])
def test_impossible_bound_is_refused(bound: int) -> None:
    """A bound that would leave gaps or no value is refused, naming the stream."""
    with pytest.raises(ValueError, match=r"order\.items: a bound is from 1 to"):
        SeededSource(1).below(bound, "order.items", range(1))


def test_draw_asks_its_source_by_column() -> None:
    """Each method asks for its column's stream with the right bound, and turns the answer into its value."""
    source = ScriptedSource([4, 1, 3, 3661, 2])
    draw = make_draw(source, rows=range(1))
    pool = Pool(("a", "b"))
    assert draw.integer("items", 10, 19).tolist() == [14]
    assert values(draw.choice("name", pool)) == ["b"]
    assert values(draw.day("born", -5, 5)) == [date(2026, 7, 2)]
    assert str(draw.instant("placed_at", 0, 9)[0]) == "2026-07-06T01:01:01"
    assert [(bound, stream) for bound, stream, _ in source.asked] == [
        (10, "order.items"),
        (2, "order.name"),
        (11, "order.born"),
        (86400, "order.placed_at.second"),
        (10, "order.placed_at"),
    ]


def test_days_and_instants_include_both_ends() -> None:
    """A window of days is drawn from its first to its last day, and an instant up to the last second of it."""
    rows = range(2000)
    days = set(values(make_draw(rows=rows).day("d", -1, 1)))
    instants = make_draw(rows=rows).instant("t", -1, 1).astype("datetime64[D]")
    assert days == {date(2026, 7, 3), AS_OF, date(2026, 7, 5)} == set(values(instants))
    assert values(make_draw(ScriptedSource([86_399, 0])).instant("t", 0, 0))[0].isoformat() == (
        "2026-07-04T23:59:59+00:00"
    )


def test_keys_belong_to_the_run() -> None:
    """Keys come from the run and the row, never from the seed; the first one is the bare stem."""
    assert values(make_draw(rows=range(3)).key("o")) == ["o-run", "o-run-1", "o-run-2"]
    assert values(make_draw(SeededSource(99), rows=range(4, 8, 2)).key("o")) == ["o-run-4", "o-run-6"]


def test_repeats_keep_keys_and_streams_apart() -> None:
    """Steps that repeat a generator share no key, however many rows and shards, and draw other values."""
    rows = range(500)
    draws = [make_draw(rows=rows, repeat=repeat, repeats=3) for repeat in range(3)]
    keys = [key for draw in draws for key in values(draw.key("o"))]
    assert len(set(keys)) == 1500
    assert len({tuple(draw.integer("items", 1, 9).tolist()) for draw in draws}) == 3


def test_serial_numbers_are_of_the_run_and_not_of_the_seed() -> None:
    """No two rows of a run share one, whichever step makes them; another seed gives the same, another run others."""
    steps = [make_draw(rows=range(500), repeat=repeat, repeats=2).serial("no", 1, 1000) for repeat in range(2)]
    assert sorted([*steps[0].tolist(), *steps[1].tolist()]) == list(range(1, 1001))
    again = make_draw(SeededSource(8), rows=range(500), repeats=2).serial("no", 1, 1000)
    assert again.tolist() == steps[0].tolist()
    starts = {make_draw(run_id=f"run {number}").serial("no", 0, 2**53 - 1).item() for number in range(1000)}
    assert len(starts) == 1000
    assert (
        make_draw(rows=range(3, 7)).serial("no", 1, 1000).tolist()
        == make_draw(rows=range(7)).serial("no", 1, 1000)[3:].tolist()
    )


def test_codes_are_serial_numbers_in_letters() -> None:
    """A code has the length that was asked for, and no two rows of a run share one."""
    codes = values(make_draw(rows=range(26)).code("letter", 1))
    assert sorted(codes) == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    longest = values(make_draw(rows=range(100)).code("code", 11))
    assert len(set(longest)) == 100
    assert {len(code) for code in longest} == {11}


@pytest.mark.parametrize(("low", "high"), [(1, 0), (0, 2**53)])
def test_impossible_range_of_serial_numbers_is_refused(low: int, high: int) -> None:
    """A range that is empty, or larger than JSON is exact for, is refused."""
    with pytest.raises(ValueError, match="a serial number has 1 to"):
        make_draw().serial("no", low, high)


@pytest.mark.parametrize("length", [0, 12])
def test_impossible_length_of_a_code_is_refused(length: int) -> None:
    """A code has as many letters as serial numbers can fill."""
    with pytest.raises(ValueError, match="a code has 1 to 11 letters"):
        make_draw().code("code", length)


def test_repeated_steps_in_a_bundle() -> None:
    """A bundle of repeated steps holds a table for each, whose rows are of the same customer."""
    records = make_bundle("two_orders").records()
    assert [row["status"] for row in records["order"]] == ["paid", "open"]
    assert [row["order_id"] for row in records["order"]] == ["o-run", "o-run-1"]
    assert {row["customer_id"] for row in records["order"]} == {"c-run"}
    assert records["order"][0]["placed_at"] != records["order"][1]["placed_at"]


def test_undeclared_constraint_is_named() -> None:
    """Asking for a constraint that the pack does not declare fails with its name."""
    with pytest.raises(GeneratorFailed, match="generator of order asks for a constraint 'colour'"):
        make_draw(tier="gold").constraint("colour")


def test_reference_to_nothing_is_named() -> None:
    """Referring to an entity that no earlier step made fails, and says what to do and what was made so far."""
    told = r"refers to customer, which no earlier step made; put a step that makes customer before it \(.* nothing\)"
    with pytest.raises(GeneratorFailed, match=told):
        make_draw().ref("customer")
    with pytest.raises(GeneratorFailed, match="made so far: order"):
        make_draw(made={"order": make_bundle().tables["order"]}).of("customer", "tier")


def test_columns_of_earlier_rows_can_be_read() -> None:
    """A generator sees what the latest step before it made."""
    made = make_bundle().tables
    assert values(make_draw(made=made).of("customer", "tier")) == ["gold"]


def test_scripted_source_fits_the_door() -> None:
    """A whole bundle can be answered from a list."""
    source = ScriptedSource([2, 41, 1, 0, 30, 8, 4])
    bundle = generate(SHOP, make_plan(), "run", source=source)
    assert bundle.records()["customer"][0]["name"] in {"FAKE_Ada", "FAKE_Ben", "FAKE_Cleo", "FAKE_Dan"}
    assert {stream for _, stream, _ in source.asked} == {
        "customer.name",
        "customer.number",
        "customer.street",
        "customer.born",
        "order.placed_at.second",
        "order.placed_at",
        "order.items",
    }


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """Bundles of the shop, as Hypothesis sees them."""
    return generate(SHOP, make_plan(), "run", source=SearchedSource(Search(draw)))


def test_hypothesis_fits_the_door_and_shrinks() -> None:
    """The same generator is a Hypothesis strategy, and a counterexample shrinks to the plainest bundle."""

    def has_many_items(bundle: Bundle) -> bool:
        return bundle.records()["order"][0]["items"] > 3

    smallest = find(bundles(), has_many_items, settings=settings(database=None, max_examples=300)).records()
    order: dict[str, Any] = smallest["order"][0]
    assert order["items"] == 4
    assert smallest["customer"][0]["name"] == "FAKE_Ada"
    assert order["placed_at"].isoformat() == "2026-06-24T00:00:00+00:00"
