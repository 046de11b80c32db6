"""Restores are asked for under an id: each is carried out once, and the runs that it took back name it."""

from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest

from target_healthcare.__main__ import prepare_database
from target_healthcare.baseline import Database
from target_healthcare.errors import RunDeleted
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from tests.unit.target_healthcare.conftest import settings_for

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]

SCHEMA = "CREATE TABLE thing (thing_id int PRIMARY KEY, test_run_id text, run_id text);"  # as the ledger has one
SEED = """
    INSERT INTO atdm_run (run_id, bundle_sha, state) VALUES (%(run)s, repeat('a', 64), 'seeded');
    INSERT INTO thing VALUES (%(key)s, %(run)s);
"""
TAKEN = "SELECT run_id, taken_back_by FROM atdm_run WHERE taken_back_by IS NOT NULL ORDER BY run_id"


@pytest.fixture
def look(empty_database: str, tmp_path: Path) -> Generator[Sql]:
    """A connection to a database with one table and one run, which is called `early`."""
    (tmp_path / "0001_thing.sql").write_text(SCHEMA)
    prepare_database(settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path)))
    with psycopg.connect(empty_database, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(SEED, {"run": "early", "key": 1})
        yield connection


@pytest.fixture
def whole(look: Sql, empty_database: str, tmp_path: Path) -> Database:
    """That database as a whole."""
    return Database(empty_database, read_schema(read_migrations(tmp_path)))


def test_runs_without_rows_are_taken_back(whole: Database, look: Sql) -> None:
    """Runs whose rows are gone name who restored; those with rows do not, until somebody takes the rows too."""
    early = list(whole.export())
    look.execute("UPDATE thing SET test_run_id = NULL")
    nothing = list(whole.export())
    look.execute(SEED, {"run": "later", "key": 2})
    whole.restore(iter(early), "first")
    assert look.execute(TAKEN).fetchall() == [("first", "first"), ("later", "first")]
    whole.restore(iter(nothing), "second")
    told = [("early", "second"), ("first", "first"), ("later", "first"), ("second", "second")]
    assert look.execute(TAKEN).fetchall() == told


@pytest.mark.parametrize("by", ["done", "given-up"])
def test_a_restore_is_carried_out_once(whole: Database, look: Sql, by: str) -> None:
    """Who has restored, or was given up, is refused, and nothing changes."""
    stream = list(whole.export())
    whole.restore(iter(stream), "done")
    look.execute("INSERT INTO atdm_run (run_id, state) VALUES ('given-up', 'deleted')")
    look.execute("DELETE FROM thing")
    with pytest.raises(RunDeleted, match=by):
        whole.restore(iter(stream), by)
    assert look.execute("SELECT count(*) FROM thing").fetchone() == (0,)
