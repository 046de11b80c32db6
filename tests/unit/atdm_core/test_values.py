"""The values on the wire."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from atdm_core import Bundle, Entity, Key, Keys, Request, Table
from atdm_core.draw import LARGEST_SEED
from atdm_core.values import CatalogQuery, CatalogRow, FixturePaths, RunStatus
from tests.unit.atdm_core.shop import AS_OF, make_bundle

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)


def a_row(scenario: str = "one_order", status: RunStatus = "ready", created_at: datetime = NOW) -> CatalogRow:
    """A catalog row."""
    return CatalogRow(
        test_run_id="run",
        request_id="tdr_run",
        domain="shop",
        scenario_id=scenario,
        pack_version="1",
        status=status,
        created_at=created_at,
        invoker="human:ann",
        planner_mode="rule",
        seed=1,
        as_of=AS_OF,
        constraints={},
        cleanup_strategy="after_test",
        token_sha256="0" * 64,
        answer="{}",
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"scenario": "x", "colour": 1}', "unknown field `colour`"),
        (b'{"scenario": "x", "delivery": {"seed": true}}', "unknown field `seed` - at `$.delivery`"),
        (b'{"scenario": ""}', "$.scenario"),
        (b"{}", "missing required field `scenario`"),
        (b'{"scenario": "x", "seed": -1}', "$.seed"),
        (b'{"scenario": "x", "seed": 9007199254740992}', "$.seed"),
        (b'{"scenario": "x", "seed": 1.5}', "$.seed"),
        (b'{"scenario": "x", "constraints": {"a": [1]}}', "$.constraints"),
        (b'{"scenario": "x", "as_of": "2026-02-30"}', "$.as_of"),
        (b'{"scenario": "x", "ttl_seconds": 0}', "$.ttl_seconds"),
        (b'{"scenario": "x", "delivery": {"cleanup_strategy": "never"}}', "$.delivery.cleanup_strategy"),
    ],
)
def test_wrong_requests_are_placed(body: bytes, told: str) -> None:
    """A request of the wrong shape is refused with the field's name or place."""
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.json.decode(body, type=Request)
    assert told in str(refusal.value)


def test_request_has_the_contract_s_defaults() -> None:
    """A request that names a scenario only is to be seeded, without fixtures, and cleaned after the test."""
    request = msgspec.json.decode(b'{"scenario": "x"}', type=Request)
    assert msgspec.to_builtins(request) == {
        "scenario": "x",
        "domain": None,
        "constraints": {},
        "seed": None,
        "delivery": {
            "seed_target": True,
            "return_playwright_fixture": False,
            "return_pytest_fixture": False,
            "return_records": False,
            "cleanup_strategy": "after_test",
        },
        "as_of": None,
        "ttl_seconds": None,
    }
    assert msgspec.json.decode(b'{"scenario":"x","seed":%d}' % LARGEST_SEED, type=Request).seed == LARGEST_SEED


def test_bundle_names_its_first_keys() -> None:
    """The keys of a bundle are those of the first row of each entity, by the name of its key column."""
    assert make_bundle("two_orders", rows=3).keys() == {"customer_id": "c-run", "order_id": "o-run"}


def test_written_fixtures_are_those_with_a_path() -> None:
    """Only the fixtures that were asked for count as written."""
    assert FixturePaths(playwright="a.json").written() == ["a.json", "a.ts"]
    assert FixturePaths().written() == []


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (CatalogQuery(), True),
        (CatalogQuery(scenario="one_order", status="ready", since=NOW), True),
        (CatalogQuery(scenario="two_orders"), False),
        (CatalogQuery(status="cleaned"), False),
        (CatalogQuery(since=NOW + timedelta(microseconds=1)), False),
    ],
)
def test_query_picks_rows(query: CatalogQuery, matches: bool) -> None:
    """A query matches a row when each of its parts does, the moment itself included."""
    assert query.matches(a_row()) is matches


def test_every_entity_tells_its_keys() -> None:
    """Keys go by their column, and by their entity too where the column is called `id` or like that of another."""

    def rows(name: str, key: str, number: int = 1) -> Table:
        entity = Entity(name=name, key=key, columns={key: Key()}, run_column=None)
        return Table(entity, {key: Keys(f"{name}-run", np.arange(number))})

    made = [
        rows("plan", "plan_id"),
        rows("order", "id"),
        rows("User", "Id", 2),
        rows("cat", "no"),
        rows("dog", "no", 2),
    ]
    assert Bundle("run", {table.entity.name: (table,) for table in made}).data() == {
        "plan_id": "plan-run",
        "order_id": "order-run",
        "User_id": "User-run",
        "User_ids": ["User-run", "User-run-1"],
        "cat_no": "cat-run",
        "dog_no": "dog-run",
        "dog_nos": ["dog-run", "dog-run-1"],
    }
