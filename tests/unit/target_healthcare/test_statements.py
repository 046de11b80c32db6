from collections.abc import Generator

import psycopg
import pytest
from psycopg import RawCursor

from target_healthcare.migrations import Migration
from target_healthcare.schema import Table, read_schema
from target_healthcare.statements import describe_run, find_row, insert_rows

ODD = """
CREATE TABLE "50% ""odd"" table" (
    "the key" text PRIMARY KEY, "select" numeric, made timestamptz, part jsonb, tags text[], spare int DEFAULT 7,
    test_run_id text NOT NULL
)
"""
NAME = '50% "odd" table'


@pytest.fixture
def cursor(own_database: str) -> Generator[RawCursor[tuple[object, ...]]]:
    """A cursor as the pool's, on a database with the odd table."""
    with psycopg.connect(own_database, autocommit=True) as connection:
        connection.execute(ODD.encode())
        yield RawCursor(connection)


@pytest.fixture
def table() -> Table:
    """The odd table as the schema has it."""
    return read_schema([Migration(1, "0001_odd.sql", ODD.encode())]).by_name[NAME]


def test_postgresql_turns_json_into_the_columns_types(cursor: RawCursor[tuple[object, ...]], table: Table) -> None:
    """Numbers keep every digit, times and arrays get their types, left-out columns their default."""
    columns = ("the key", "select", "made", "part", "tags", "test_run_id")
    row = (
        '[{"the key": "k\\u0041", "select": 0.12345678901234567890123, "made": "2026-01-02T03:04:05+02:00",'
        ' "part": {"a": [1]}, "tags": ["x", "y"], "test_run_id": "r"}]'
    )

    cursor.execute(insert_rows(NAME, columns), [row, 1])

    found = cursor.execute(find_row(table), ["kA"]).fetchone()
    assert found is not None
    assert str(found[1]) == "0.12345678901234567890123"
    assert found[3:] == ({"a": [1]}, ["x", "y"], 7, "r")


def test_a_run_is_described_by_its_column(cursor: RawCursor[tuple[object, ...]], table: Table) -> None:
    """Only the rows of the run are counted."""
    rows = '[{"the key": "1", "test_run_id": "r"}, {"the key": "2", "test_run_id": "r"}]'
    cursor.execute(insert_rows(NAME, ("the key", "test_run_id")), [rows, 2])
    cursor.execute(insert_rows(NAME, ("the key", "test_run_id")), ['[{"the key": "3", "test_run_id": "other"}]', 1])
    cursor.execute("INSERT INTO atdm_run (run_id, state) VALUES ('r', 'deleted')")

    described = cursor.execute(describe_run((table,)), ["r"]).fetchone()

    assert described is not None
    assert (described[0], described[-1]) == ("r", 2)


def test_writing_fewer_rows_than_sent_fails_the_statement(cursor: RawCursor[tuple[object, ...]]) -> None:
    """A trigger that swallows a row makes the insert an error, and nothing stays."""
    cursor.execute(
        """
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW."the key" = 'no' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER swallow BEFORE INSERT ON "50% ""odd"" table" FOR EACH ROW EXECUTE FUNCTION swallow();
        """
    )
    rows = '[{"the key": "yes", "test_run_id": "r"}, {"the key": "no", "test_run_id": "r"}]'

    with pytest.raises(psycopg.Error) as caught:
        cursor.execute(insert_rows(NAME, ("the key", "test_run_id")), [rows, 2])

    assert (caught.value.sqlstate, caught.value.diag.table_name) == ("AT001", NAME)
    left = cursor.execute('SELECT count(*) FROM "50% ""odd"" table"').fetchone()
    assert left == (0,)
