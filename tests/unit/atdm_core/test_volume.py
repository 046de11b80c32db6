"""Volumes: exact mixtures, cut into shards that each can be made alone."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from atdm_core import Draw, Pack, generator
from atdm_core.errors import InvalidRequest, ScenarioNotFound, ValidatorRejected
from atdm_core.volume import Shard, Volume, bundles_of, counts_of, shards_of
from tests.unit.atdm_core.shop import AS_OF, SHOP, generate_customer, make_pack

VOLUME = Volume(
    domain="shop",
    pack_version="1.0.0",
    mix={"two_orders": 30, "one_order": 70},
    count=100,
    shard_size=9,
    seed=7,
    as_of=AS_OF,
    run_id="R",
)


def rows_of(volume: Volume, shards: list[Shard], pack: Pack = SHOP) -> dict[str, list[dict[str, Any]]]:
    """All rows of some shards, by entity."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for shard in shards:
        for bundle in bundles_of(volume, pack, shard):
            for entity, tables in bundle.tables.items():
                for table in tables:
                    rows.setdefault(entity, []).extend(table.rows())
    return rows


@pytest.mark.parametrize(
    ("weights", "count", "counts"),
    [
        ((70, 30), 1_000_000, [700_000, 300_000]),
        ((70, 30), 1, [1, 0]),
        ((1, 1, 1), 100, [34, 33, 33]),
        ((1, 6), 10, [1, 9]),
        ((1, 999_999), 10, [0, 10]),
    ],
)
def test_counts_are_exact(weights: tuple[int, ...], count: int, counts: list[int]) -> None:
    """Every scenario gets its share of the bundles, to the bundle, and all of them together are the count."""
    mix = {f"s{number}": weight for number, weight in enumerate(weights)}
    assert counts_of(replace(VOLUME, mix=mix, count=count)) == counts


@pytest.mark.parametrize("shard_size", [1, 3, 9, 100, 1000])
def test_shards_are_all_rows_once(shard_size: int) -> None:
    """The shards of a volume are about as large as was said, and follow one another in every scenario."""
    shards = shards_of(replace(VOLUME, shard_size=shard_size), SHOP)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert sum(shard.count for shard in shards) == 100
    assert max(shard.count for shard in shards) <= shard_size + 2
    for scenario in range(2):
        pieces = [shard.rows[scenario] for shard in shards]
        assert all(one.stop == next_.start for one, next_ in pairwise(pieces))
    assert sum(len(shard.rows[0]) for shard in shards) == 30


def test_every_shard_has_the_mixture() -> None:
    """Each shard has its part of every scenario."""
    volume = replace(VOLUME, count=1000, shard_size=100)
    assert {tuple(map(len, shard.rows)) for shard in shards_of(volume, SHOP)} == {(30, 70)}


def test_values_do_not_depend_on_the_shards() -> None:
    """The rows of a volume are the same in any number of shards, made in any order."""
    whole = replace(VOLUME, shard_size=1000)
    cut = rows_of(VOLUME, shards_of(VOLUME, SHOP)[::-1])
    for entity, rows in rows_of(whole, shards_of(whole, SHOP)).items():
        key = SHOP.entities[entity].key
        assert sorted(cut[entity], key=lambda row: row[key]) == sorted(rows, key=lambda row: row[key])


def test_no_two_keys_are_the_same() -> None:
    """Keys are unique over a volume, also where its scenarios make an entity's rows once and twice."""
    rows = rows_of(VOLUME, shards_of(VOLUME, SHOP))
    assert {entity: len(made) for entity, made in rows.items()} == {"customer": 100, "order": 130}
    assert all(len({row[SHOP.entities[entity].key] for row in made}) == len(made) for entity, made in rows.items())


def test_the_seed_makes_the_values_and_the_run_the_keys() -> None:
    """Another seed gives other values under the same keys, another run other keys with the same values."""
    (shard,) = shards_of(volume := replace(VOLUME, count=20, shard_size=20), SHOP)

    def columns(volume: Volume) -> tuple[list[str], list[str]]:
        rows = rows_of(volume, [shard])["customer"]
        return [row["customer_id"] for row in rows], [row["street"] for row in rows]

    keys, streets = columns(volume)
    other_keys, same_streets = columns(replace(volume, run_id="S"))
    assert (same_streets, set(other_keys).isdisjoint(keys)) == (streets, True)
    same_keys, other_streets = columns(replace(volume, seed=8))
    assert (same_keys, other_streets != streets) == (keys, True)


@generator("order")
def generate_order(draw: Draw) -> Mapping[str, Any]:
    """An order that is open, whoever the customer is."""
    return {
        "order_id": draw.key("o"),
        "customer_id": draw.ref("customer"),
        "status": "open",
        "placed_at": draw.instant("placed_at", -10, -1),
        "items": draw.integer("items", 1, 9),
        "gift": draw.constraint("gift"),
        "note": draw.constraint("note"),
    }


def test_what_is_invalid_is_not_made() -> None:
    """A bundle that a validator rejects ends the shard, and the error names scenario, rows and validator."""
    pack = make_pack(generators=(generate_customer, generate_order))
    scenarios = {name: replace(each, default_constraints={"tier": "plain"}) for name, each in pack.scenarios.items()}
    pack = replace(pack, scenarios=scenarios)
    (shard,) = shards_of(volume := replace(VOLUME, shard_size=100), pack)
    with pytest.raises(ValidatorRejected, match=r"two_orders, rows 0 to 29: .* \(domain.plain_customers_pay\)"):
        rows_of(volume, [shard], pack)


def test_another_pack_is_refused() -> None:
    """A volume of another version of the pack is refused, because its rows would not be the same."""
    with pytest.raises(InvalidRequest, match=r"of shop 0.9, here is shop 1.0.0: install that version"):
        shards_of(replace(VOLUME, pack_version="0.9"), SHOP)


def test_an_unknown_scenario_is_refused() -> None:
    """A mixture of what the pack does not have is refused."""
    with pytest.raises(ScenarioNotFound, match="it has: one_order, two_orders"):
        shards_of(replace(VOLUME, mix={"no_order": 1}), SHOP)
