"""A pack made from a live database, installed as it is, and run against that database through a real server."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from tests.docs.how_to import Checkout
from tests.packs.stacks import running_stack
from tests.postgres import fresh_database, start_postgres

DECLARED = """
CREATE TYPE grade AS ENUM ('junior', 'senior');
CREATE TABLE department (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    head_id bigint NOT NULL
);
CREATE TABLE employee (
    id bigserial PRIMARY KEY,
    department_id integer NOT NULL REFERENCES department,
    boss_id bigint REFERENCES employee,
    grade grade NOT NULL,
    skills text[] NOT NULL DEFAULT '{}',
    hired_on date NOT NULL,
    left_on date,
    CHECK (left_on >= hired_on)
);
ALTER TABLE department ADD FOREIGN KEY (head_id) REFERENCES employee DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE project (
    department_id integer NOT NULL REFERENCES department,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    settings jsonb NOT NULL,
    budget numeric(9, 2) NOT NULL CHECK (budget > 0),
    PRIMARY KEY (department_id, id)
);
CREATE TABLE assignment (
    department_id integer NOT NULL,
    project_id uuid NOT NULL,
    employee_id bigint NOT NULL REFERENCES employee,
    share numeric(3, 2) NOT NULL CHECK (share BETWEEN 0 AND 1),
    PRIMARY KEY (department_id, project_id, employee_id),
    FOREIGN KEY (department_id, project_id) REFERENCES project
);
"""
OWN_ROWS = """
BEGIN;
INSERT INTO department (name, head_id) VALUES ('own', 1);
INSERT INTO employee (department_id, grade, hired_on) VALUES (1, 'senior', '2020-01-02');
COMMIT;
INSERT INTO project (department_id, settings, budget) VALUES (1, '{"own": [1, null]}', 9.5);
INSERT INTO assignment SELECT 1, id, 1, 0.5 FROM project;
"""
COUNTS = {"department": 1, "employee": 1, "project": 1, "assignment": 1}
MANY = 12_000  # bundles of a volume: more than a group has
HEADS = """
SELECT count(*) FROM department JOIN employee ON employee.id = head_id AND department_id = department.id
JOIN assignment ON assignment.employee_id = employee.id AND assignment.department_id = department.id
WHERE department.name <> 'own'
"""


@pytest.fixture(scope="module")
def database() -> Generator[str]:
    """A database of somebody: identity and composite keys, a tree, a cycle, no run column, and rows of its own."""
    with start_postgres() as server, fresh_database(server) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(DECLARED)
            connection.execute(OWN_ROWS)
        yield dsn


def test_it_seeds_and_resets_that_database(atdm: Checkout, database: str) -> None:
    """Made, installed without an edit, seeded and filled and reset: the content of every table is what it was."""
    told = atdm.run(f".venv/bin/atdm pack new staff --from-database '{database}' --out ../atdm-staff")
    assert f"{len(COUNTS)} entities" in told
    atdm.run(".tools/bin/uv pip install --quiet --no-deps ../atdm-staff")
    assert " passed" in atdm.run(".venv/bin/python -m pytest -q -p no:cacheprovider ../atdm-staff/tests")
    settings = {"TARGET_DATABASE_URL": database, "TARGET_SCHEMA": "database"}
    with running_stack(atdm, atdm.folder.parent / "staff", **settings) as (client, dsn):
        before = client.get_digest()
        run = client.request_scenario("one_of_each", domain="staff", constraints={"employee_grade": "senior"})
        with psycopg.connect(dsn) as connection:
            assert rows_beside_own(connection) == COUNTS
            found = connection.execute("SELECT grade, skills FROM employee WHERE id = %s", [run["data"]["employee_id"]])
            assert found.fetchall() == [("senior", [])]
        assert client.get_digest() != before
        reset = client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])
        assert reset.get("deleted_counts") == COUNTS
        assert client.get_digest() == before
        volume = client.create_volume("staff", {"one_of_each": 1}, MANY, as_of="2026-07-04", seed=3)
        *_, end = client.follow_volume(volume["test_run_id"])
        assert end.get("row_counts") == dict.fromkeys(COUNTS, MANY)
        with psycopg.connect(dsn) as connection:
            assert rows_beside_own(connection) == dict.fromkeys(COUNTS, MANY)
            assert connection.execute(HEADS).fetchone() == (MANY,)
        reset = client.reset_run(volume["test_run_id"], volume["cleanup"]["cleanup_token"])
        assert (reset.get("deleted_counts"), reset.get("residue")) == (dict.fromkeys(COUNTS, MANY), [])
        assert client.get_digest() == before
        assert "staff: no drift" in atdm.run(f".venv/bin/atdm pack check staff --database '{database}'")


def rows_beside_own(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """The rows of each table but for the one that was there before."""
    counted = {table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in COUNTS}
    return {table: row[0] - 1 for table, row in counted.items() if row}
