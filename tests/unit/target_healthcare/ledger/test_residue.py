"""Proof of clean, on a real database: what hung on a run's rows goes with it and is told, and nobody else's does."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import psycopg
import pytest

from target_healthcare.__main__ import prepare_database
from target_healthcare.database import create_pool
from target_healthcare.errors import RowsReferenced
from target_healthcare.ledger import Ledger, read_seed
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.conftest import settings_for

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]

SCHEMA = """
CREATE TABLE customer (id text PRIMARY KEY, referrer text REFERENCES customer, test_run_id varchar(64));
CREATE TABLE "the order" (
    shop int, number numeric, customer text REFERENCES customer, test_run_id text, PRIMARY KEY (shop, number)
);
CREATE TABLE item (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop int, number numeric,
    FOREIGN KEY (shop, number) REFERENCES "the order"
);
CREATE TABLE history (item bigint REFERENCES item ON DELETE RESTRICT, told text);
CREATE TABLE visit (id int PRIMARY KEY, customer text REFERENCES customer ON DELETE CASCADE, test_run_id text);
CREATE TABLE page (id int PRIMARY KEY, visit int REFERENCES visit ON DELETE CASCADE);
CREATE TABLE wish (id int PRIMARY KEY, customer text REFERENCES customer ON DELETE SET NULL, test_run_id text);
CREATE TABLE egg (id int PRIMARY KEY, chicken int, test_run_id text);
CREATE TABLE chicken (id int PRIMARY KEY, egg int REFERENCES egg, test_run_id text);
ALTER TABLE egg ADD FOREIGN KEY (chicken) REFERENCES chicken;
CREATE TABLE mail (customer text REFERENCES customer, year int, test_run_id text, PRIMARY KEY (customer, year))
    PARTITION BY LIST (year);
"""
PARTITIONS = """
CREATE TABLE mail_1 PARTITION OF mail FOR VALUES IN (1);
CREATE TABLE mail_2 PARTITION OF mail FOR VALUES IN (2);
"""
TABLES = ("customer", "the order", "item", "history", "visit", "page", "wish", "egg", "chicken", "mail")


@pytest.fixture
def shop(empty_database: str, tmp_path: Path) -> str:
    """A database with the schema of a shop, which makes rows of its own."""
    (tmp_path / "0001_shop.sql").write_text(SCHEMA + PARTITIONS)
    prepare_database(settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path)))
    return empty_database


@pytest.fixture
async def ledger(shop: str, tmp_path: Path) -> AsyncGenerator[Ledger]:
    """The ledger of the shop."""
    async with create_pool(settings_for(shop)) as pool:
        yield Ledger(pool, read_schema(read_migrations(tmp_path)))


@pytest.fixture
def sql(shop: str) -> Generator[Sql]:
    """The shop itself, which writes where it likes."""
    with psycopg.connect(shop, autocommit=True) as connection:
        yield connection


async def seed(ledger: Ledger, run_id: str, **more: Sequence[Mapping[str, object]]) -> None:
    """Seed a customer with an order, and more."""
    tables: dict[str, Sequence[Mapping[str, object]]] = {
        "customer": [{"id": f"c-{run_id}", "referrer": f"c-{run_id}", "test_run_id": run_id}],
        "the order": [{"shop": 1, "number": ord(run_id), "customer": f"c-{run_id}", "test_run_id": run_id}],
    }
    body = {"bundle_sha": SHA, "tables": tables | more}
    await ledger.seed(run_id, read_seed(msgspec.json.encode(body)))


def counts(sql: Sql) -> dict[str, int]:
    """The rows of every table that has any."""
    found = {table: sql.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone() for table in TABLES}
    return {table: int(str(row[0])) for table, row in found.items() if row and row[0]}


def told(answer: Any) -> list[tuple[str, Any, bool]]:
    """The residue of an answer, in short."""
    return [(row.table, row.key, row.deleted) for row in answer.residue]


async def test_a_run_without_residue_tells_its_keys(ledger: Ledger, sql: Sql) -> None:
    """Where nothing hangs on a run, its keys are told as the database has them, and the residue is empty."""
    await seed(ledger, "r", egg=[{"id": 1, "test_run_id": "r"}])

    answer = await ledger.delete("r")

    keys = {"customer": [{"id": "c-r"}], "the order": [{"shop": 1, "number": 114}], "egg": [{"id": 1}]}
    assert answer.deleted_keys == keys
    assert answer.residue == []
    assert {name: count for name, count in answer.deleted_counts.items() if count} == dict.fromkeys(keys, 1)
    assert counts(sql) == {}


async def test_rows_of_no_run_go_with_those_they_hang_on(ledger: Ledger, sql: Sql) -> None:
    """They are found from row to row, by composite keys and without any, deleted in the right order, and told."""
    await seed(ledger, "r")
    await seed(ledger, "s")
    sql.execute("INSERT INTO item (shop, number) VALUES (1, 114), (1, 114), (1, 115)")
    sql.execute("INSERT INTO history SELECT id, 'bought' FROM item")
    sql.execute("INSERT INTO customer VALUES ('friend', 'c-r', NULL), ('stranger', NULL, NULL)")

    answer = await ledger.delete("r")

    assert told(answer) == [
        ("customer", {"id": "friend"}, True),
        ("item", {"id": 1}, True),
        ("item", {"id": 2}, True),
        ("history", {"item": 1, "told": "bought"}, True),
        ("history", {"item": 2, "told": "bought"}, True),
    ]
    assert {row.reason for row in answer.residue} == {"references"}
    assert answer.previous_state == "seeded"
    assert answer.deleted_keys["customer"] == [{"id": "c-r"}]
    assert {name: count for name, count in answer.deleted_counts.items() if count} == {
        "customer": 2,
        "the order": 1,
        "item": 2,
        "history": 2,
    }
    assert counts(sql) == {"customer": 2, "the order": 1, "item": 1, "history": 1}


async def test_cycles_are_no_obstacle(ledger: Ledger, sql: Sql) -> None:
    """Rows that refer to one another go together, whether the run's own or those that hang on them."""
    await seed(ledger, "r", egg=[{"id": 1, "test_run_id": "r"}])
    await seed(ledger, "s", egg=[{"id": 3, "test_run_id": "s"}], chicken=[{"id": 4, "egg": 3, "test_run_id": "s"}])
    sql.execute("UPDATE egg SET chicken = 4 WHERE id = 3")
    sql.execute("INSERT INTO chicken (id, egg) VALUES (2, 1)")
    sql.execute("UPDATE egg SET chicken = 2 WHERE id = 1")

    assert told(await ledger.delete("r")) == [("chicken", {"id": 2}, True)]
    assert told(await ledger.delete("s")) == []
    assert counts(sql) == {}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("customer", {"id": "c-s", "referrer": "c-r"}),
        ("visit", {"id": 7, "customer": "c-r"}),
        ("wish", {"id": 7, "customer": "c-r"}),
    ],
    ids=["refused by the database", "would be deleted unseen", "would be changed unseen"],
)
@pytest.mark.parametrize("by_time", [False, True])
async def test_rows_of_another_run_forbid_it(
    ledger: Ledger, sql: Sql, table: str, row: dict[str, object], by_time: bool
) -> None:
    """A row of another run is named, whatever its foreign key allows, and nothing at all is changed."""
    await seed(ledger, "r")
    await seed(ledger, "s", **{table: [row | {"test_run_id": "s"}]})
    sql.execute("INSERT INTO item (shop, number) VALUES (1, 114)")
    sql.execute("UPDATE atdm_run SET expires_at = now()")
    before = counts(sql)

    with pytest.raises(RowsReferenced, match=f"rows of '{table}' that are of another run") as caught:
        await (ledger.expire("r") if by_time else ledger.delete("r"))

    residue = [{"table": table, "key": {"id": row["id"]}, "reason": "references", "deleted": False}]
    assert caught.value.details["residue"] == residue
    assert caught.value.details["table"] == table
    assert counts(sql) == before
    assert (await ledger.describe("r")).state == "seeded"
    assert sql.execute("SELECT count(*) FROM wish WHERE customer IS NULL").fetchone() == (0,)


async def test_what_the_database_would_do_unseen_is_told(ledger: Ledger, sql: Sql) -> None:
    """Rows of no run behind ON DELETE CASCADE are told as deleted, those behind SET NULL as staying."""
    await seed(ledger, "r", visit=[{"id": 1, "customer": "c-r", "test_run_id": "r"}])
    sql.execute("INSERT INTO visit VALUES (2, 'c-r', NULL), (3, NULL, NULL)")
    sql.execute("INSERT INTO page VALUES (10, 1), (20, 2), (30, 3)")
    sql.execute("INSERT INTO wish VALUES (1, 'c-r', NULL)")

    answer = await ledger.delete("r")

    assert sorted(told(answer), key=repr) == [
        ("page", {"id": 10}, True),
        ("page", {"id": 20}, True),
        ("visit", {"id": 2}, True),
        ("wish", {"id": 1}, False),
    ]
    assert answer.deleted_counts["visit"] == 2
    assert counts(sql) == {"visit": 1, "page": 1, "wish": 1}


async def test_partitions_are_told_apart(ledger: Ledger, sql: Sql) -> None:
    """Of two rows in the same place of two partitions only the one that hangs on the run goes."""
    await seed(ledger, "r")
    await seed(ledger, "s")
    sql.execute("INSERT INTO mail VALUES ('c-r', 1, NULL), ('c-s', 2, NULL)")

    assert told(await ledger.delete("r")) == [("mail", {"customer": "c-r", "year": 1}, True)]
    assert sql.execute("SELECT customer FROM mail").fetchall() == [("c-s",)]


async def test_a_deletion_of_all_takes_what_hangs_on_runs(ledger: Ledger, sql: Sql) -> None:
    """Rows of no run that refer to a run's go and are told; those that refer to none stay."""
    await seed(ledger, "r")
    await seed(ledger, "s", customer=[{"id": "c-s", "referrer": "c-r", "test_run_id": "s"}])
    sql.execute("INSERT INTO customer VALUES ('shared', NULL, NULL), ('friend', 'c-s', NULL)")

    answer = await ledger.delete_all()

    assert answer.run_count == 2
    assert told(answer) == [("customer", {"id": "friend"}, True)]
    assert sorted(key["id"] for key in answer.deleted_keys["customer"]) == ["c-r", "c-s"]
    assert counts(sql) == {"customer": 1}


async def test_a_table_that_no_migration_declares_forbids_it(ledger: Ledger, sql: Sql) -> None:
    """Rows behind a foreign key that nobody told of stay, and so does the run; the constraint is named."""
    await seed(ledger, "r")
    sql.execute("CREATE TABLE foreign_to_us (customer text CONSTRAINT unheard_of REFERENCES customer)")
    sql.execute("INSERT INTO foreign_to_us VALUES ('c-r')")

    for act in (ledger.delete("r"), ledger.delete_all()):
        with pytest.raises(RowsReferenced) as caught:
            await act
        assert caught.value.details.items() >= {"constraint": "unheard_of", "residue": []}.items()
    assert (await ledger.describe("r")).state == "seeded"


async def test_an_answer_names_a_bounded_number_of_keys(ledger: Ledger, sql: Sql) -> None:
    """Of each table a thousand keys are told, of the run's and of what hung on it; the counts are whole."""
    await seed(ledger, "r", egg=[{"id": number, "test_run_id": "r"} for number in range(1001)])
    sql.execute("INSERT INTO item (shop, number) SELECT 1, 114 FROM generate_series(1, 1001)")

    answer = await ledger.delete("r")

    assert (len(answer.deleted_keys["egg"]), answer.deleted_counts["egg"]) == (1000, 1001)
    assert (len(answer.residue), answer.deleted_counts["item"]) == (1000, 1001)


async def test_a_schema_that_takes_no_rows_of_runs(empty_database: str, tmp_path: Path) -> None:
    """A run without any table is deleted like any other."""
    (tmp_path / "0001_t.sql").write_text("CREATE TABLE lonely (word text)")
    settings = settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path))
    prepare_database(settings)
    async with create_pool(settings) as pool:
        ledger = Ledger(pool, read_schema(read_migrations(tmp_path)))
        await ledger.seed("r", read_seed(msgspec.json.encode({"bundle_sha": SHA, "tables": {}})))

        answer = await ledger.delete("r")

    assert (answer.previous_state, answer.deleted_counts, answer.residue) == ("seeded", {}, [])
