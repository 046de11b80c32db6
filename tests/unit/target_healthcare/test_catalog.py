import httpx2
import psycopg
import pytest

from target_healthcare.__main__ import prepare_database
from target_healthcare.catalog import read_catalog
from target_healthcare.migrations import Migration
from target_healthcare.schema import ForeignKey, Table, read_schema
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.conftest import running_target, settings_for
from tests.unit.target_healthcare.foreign import CIRCLE, COUNTS, DUMP, OWN_ROWS

PARTITIONED = """
CREATE TABLE mail (id uuid, year int, test_run_id text, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE mail_1 PARTITION OF mail FOR VALUES IN (1);
CREATE TABLE letter (
    mail uuid, year int, size int GENERATED ALWAYS AS (year + 1) STORED, gone int,
    FOREIGN KEY (year, mail) REFERENCES mail (year, id) ON DELETE SET NULL
);
ALTER TABLE letter DROP COLUMN gone;
CREATE VIEW post AS SELECT * FROM mail;
"""


@pytest.fixture
def dsn(empty_database: str) -> str:
    """A database that somebody else has made."""
    with psycopg.connect(empty_database) as connection:
        connection.execute(DUMP.encode())
        connection.execute("RESET ALL")
        connection.execute(OWN_ROWS)
    prepare_database(settings_for(empty_database, TARGET_SCHEMA="database"))
    return empty_database


def test_the_catalog_says_what_the_migrations_say(dsn: str) -> None:
    """Tables, columns, keys and foreign keys are those of the dump, in an order that fits."""
    declared = read_schema([Migration(1, "0001_dump.sql", DUMP.encode())])

    found = read_catalog(dsn)

    def shape(table: Table) -> tuple[object, ...]:
        keys = sorted(map(repr, table.foreign_keys))
        return table.column_names, table.primary_key, keys, [column.nullable for column in table.columns]

    assert {table.name: shape(table) for table in found.tables} == {
        table.name: shape(table) for table in declared.tables
    }
    assert [column.has_default for column in found.by_name["customer"].columns] == [True, False, False, False, True]


def test_partitions_and_views_are_no_tables(empty_database: str) -> None:
    """A partitioned table is one table, generated columns have a default, and composite keys keep their order."""
    with psycopg.connect(empty_database) as connection:
        connection.execute(PARTITIONED)

    letter, mail = sorted(read_catalog(empty_database).tables, key=lambda table: table.name)

    assert (mail.name, mail.primary_key, mail.run_column) == ("mail", ("id", "year"), "test_run_id")
    assert letter.foreign_keys == (ForeignKey(("year", "mail"), "mail", ("year", "id"), "set null"),)
    assert [(column.name, column.has_default) for column in letter.columns] == [
        ("mail", False),
        ("year", False),
        ("size", True),
    ]


async def test_a_database_without_migrations_is_served(dsn: str) -> None:
    """With TARGET_SCHEMA=database a run comes and goes in tables that the target has never seen a migration of."""
    async with running_target(settings_for(dsn, TARGET_SCHEMA="database", TARGET_POOL_SIZE="1")) as target:
        before = await digest(target)
        seeded = await target.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": CIRCLE})
        assert seeded.json()["row_counts"] == COUNTS
        await target.delete("/internal/runs/r")
        assert await digest(target) == before


async def test_columns_that_a_domain_keeps_from_being_null(empty_database: str) -> None:
    """Rows of a table without a run column come and go, also where a null of its row type cannot be."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE DOMAIN code AS text NOT NULL CHECK (value <> '')")
        connection.execute("CREATE TABLE shelf (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code code)")
    prepare_database(settings_for(empty_database, TARGET_SCHEMA="database"))
    async with running_target(settings_for(empty_database, TARGET_SCHEMA="database", TARGET_POOL_SIZE="1")) as target:
        before = await digest(target)
        tables = {"shelf": [{"id": "shelf-1", "code": "a"}, {"id": "shelf-2", "code": "b"}]}
        seeded = await target.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": tables})
        assert seeded.status_code == 201, seeded.text
        assert (await target.get("/internal/runs/r")).json()["row_counts"] == {"shelf": 2}
        deleted = await target.delete("/internal/runs/r")
        assert deleted.status_code == 200, deleted.text
        assert deleted.json()["deleted_counts"] == {"shelf": 2}
        assert await digest(target) == before


async def test_keys_of_a_domain_are_made(empty_database: str) -> None:
    """A symbolic key of a domain over another becomes what that domain's default makes, or the target."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE DOMAIN code AS uuid CHECK (value IS NOT NULL)")
        connection.execute("CREATE DOMAIN narrow_code AS code")
        connection.execute("CREATE SEQUENCE number START 7")
        connection.execute("CREATE DOMAIN numbered AS bigint DEFAULT nextval('number')")
        connection.execute("CREATE TABLE shelf (id narrow_code PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE book (id numbered PRIMARY KEY, shelf_id narrow_code NOT NULL REFERENCES shelf)"
        )
    prepare_database(settings_for(empty_database, TARGET_SCHEMA="database"))
    async with running_target(settings_for(empty_database, TARGET_SCHEMA="database", TARGET_POOL_SIZE="1")) as target:
        tables = {"shelf": [{"id": "shelf-1"}], "book": [{"id": "book-1", "shelf_id": "shelf-1"}]}
        seeded = await target.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": tables})
    assert seeded.status_code == 201, seeded.text
    assert seeded.json()["keys"]["book-1"] == 7
    with psycopg.connect(empty_database) as connection:
        rows = connection.execute(
            "SELECT shelf.id::text, book.id FROM book JOIN shelf ON shelf.id = shelf_id"
        ).fetchall()
    assert rows == [(seeded.json()["keys"]["shelf-1"], 7)]


async def digest(target: httpx2.AsyncClient) -> object:
    """The digests of all tables."""
    return (await target.get("/internal/digest")).json()
