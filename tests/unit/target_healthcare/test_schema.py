"""The schema read from files is compared with what a real PostgreSQL made of the same files."""

from pathlib import Path

import msgspec
import psycopg
import pytest

from target_healthcare.migrations import Migration, migrate, read_migrations
from target_healthcare.schema import Schema, SchemaError, read_schema
from target_healthcare.settings import HEALTHCARE_MIGRATIONS

COLUMNS = """
    SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) - 1, a.attname,
        NOT a.attnotnull, a.atthasdef OR a.attidentity <> ''
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relname <> 'schema_migration'
"""
KEYS = """
    SELECT t.relname, c.contype::text, pg_temp.named(c.conrelid, c.conkey),
        r.relname, pg_temp.named(c.confrelid, c.confkey)
    FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid
    LEFT JOIN pg_class r ON r.oid = c.confrelid
    WHERE c.contype IN ('p', 'f') AND t.relnamespace = 'public'::regnamespace AND t.relname <> 'schema_migration'
"""
NAMED = """
    CREATE FUNCTION pg_temp.named(relation oid, numbers smallint[]) RETURNS text[] LANGUAGE sql AS $$
        SELECT array_agg(a.attname::text ORDER BY k.n)
        FROM unnest(numbers) WITH ORDINALITY k (number, n)
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.number
    $$
"""

HARD = """
CREATE TABLE "Odd ""Name" ("Key" serial PRIMARY KEY, plain TEXT NULL, price numeric(10, 2) NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS Person (
    Id bigint GENERATED ALWAYS AS IDENTITY,
    boss bigint REFERENCES person,
    token uuid DEFAULT gen_random_uuid(),
    tags text[],
    doubled int GENERATED ALWAYS AS (1 + 1) STORED,
    odd int CONSTRAINT odd_there REFERENCES "Odd ""Name" ("Key"),
    PRIMARY KEY (id)
);
CREATE TABLE chicken (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, chicken int REFERENCES chicken DEFERRABLE INITIALLY DEFERRED, note text);
ALTER TABLE ONLY chicken ADD CONSTRAINT chicken_egg FOREIGN KEY (egg) REFERENCES egg (id);
CREATE TABLE pair (a int, b int, CONSTRAINT pair_key PRIMARY KEY (b, a));
CREATE TABLE half (x int, y int, FOREIGN KEY (x, y) REFERENCES pair (b, a) ON DELETE CASCADE);
CREATE DOMAIN code AS uuid NOT NULL;
CREATE DOMAIN "Narrow code" AS public.code CHECK (value IS NOT NULL);
CREATE TABLE labelled (id "Narrow code" PRIMARY KEY, code code, twice int GENERATED ALWAYS AS (1 * 2) VIRTUAL);
CREATE TABLE copied (LIKE labelled INCLUDING ALL, more int DEFAULT 1);
CREATE TABLE bare (LIKE copied, less int);
CREATE TABLE heir (own int) INHERITS (bare);
CREATE TEMPORARY TABLE scratch (x int);
CREATE TABLE doomed (x int);
CREATE INDEX ON doomed (x);
CREATE VIEW seen AS SELECT x FROM half;
DROP VIEW seen;
DROP TABLE doomed;
COMMENT ON TABLE half IS 'CREATE TABLE nonsense (x int);';
"""
CHANGES = """
ALTER TABLE half ADD COLUMN z text NOT NULL DEFAULT 'z', ADD extra int REFERENCES person (id);
ALTER TABLE half DROP COLUMN extra;
ALTER TABLE half ADD kept int REFERENCES person;
ALTER TABLE half DROP CONSTRAINT half_kept_fkey;
ALTER TABLE half ALTER COLUMN z DROP NOT NULL;
ALTER TABLE half ALTER z DROP DEFAULT;
ALTER TABLE half ALTER COLUMN y SET NOT NULL;
ALTER TABLE half ALTER COLUMN y SET DEFAULT 7;
ALTER TABLE half ALTER COLUMN kept TYPE bigint;
ALTER TABLE pair RENAME COLUMN a TO c;
ALTER TABLE pair RENAME TO couple;
ALTER TABLE half RENAME x TO first;
"""


def schema_of(*texts: str) -> Schema:
    """The schema of migrations with these texts."""
    return read_schema(Migration(number, f"{number:04}_t.sql", text.encode()) for number, text in enumerate(texts, 1))


def assert_as_in_database(dsn: str, schema: Schema) -> None:
    """Compare tables, columns and keys with the catalog."""
    with psycopg.connect(dsn) as connection:
        connection.execute(NAMED)
        columns = connection.execute(COLUMNS).fetchall()
        keys = connection.execute(KEYS).fetchall()
    assert sorted(
        (table.name, position, column.name, column.nullable, column.has_default)
        for table in schema.tables
        for position, column in enumerate(table.columns)
    ) == sorted(columns)
    assert sorted(map(repr, keys_of(schema))) == sorted(map(repr, keys))


def keys_of(schema: Schema) -> list[tuple[object, ...]]:
    """Primary and foreign keys as `KEYS` lists them."""
    primary = [(t.name, "p", list(t.primary_key), None, None) for t in schema.tables if t.primary_key]
    foreign = [
        (t.name, "f", list(key.columns), key.references, list(key.referenced_columns))
        for t in schema.tables
        for key in t.foreign_keys
    ]
    return [*primary, *foreign]


def test_healthcare_is_read_as_the_database_has_it(empty_database: str) -> None:
    """Tables, columns, nullability, defaults and keys of the packaged migrations match the catalog."""
    migrations = read_migrations(HEALTHCARE_MIGRATIONS)
    migrate(empty_database, {"schema": migrations})

    assert_as_in_database(empty_database, read_schema(migrations))


@pytest.mark.parametrize("changes", [(), (CHANGES,)], ids=["created", "altered"])
def test_hard_schemas_are_read_as_the_database_has_them(
    empty_database: str, tmp_path: Path, changes: tuple[str, ...]
) -> None:
    """Quoted names, identities, composite keys, cycles, domains, LIKE, INHERITS and ALTER TABLE match the catalog."""
    for number, text in enumerate((HARD, *changes), start=1):
        (tmp_path / f"{number:04}_t.sql").write_text(text)
    migrations = read_migrations(tmp_path)
    migrate(empty_database, {"schema": migrations})

    schema = read_schema(migrations)
    assert_as_in_database(empty_database, schema)
    assert [column.type for column in schema.by_name["copied"].columns] == ["uuid", "uuid", "int", "int"]


def test_parents_come_before_children() -> None:
    """Tables stand in insert order, whatever the order of their declaration."""
    schema = schema_of(
        "CREATE TABLE c (b int, self int REFERENCES c); CREATE TABLE b (id int PRIMARY KEY, a int);"
        "CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a;"
        "ALTER TABLE c ADD FOREIGN KEY (b) REFERENCES b"
    )

    assert [table.name for table in schema.tables] == ["a", "b", "c"]


def test_a_cycle_is_no_obstacle() -> None:
    """Tables of a cycle keep their order, and those that hang on it come after."""
    schema = schema_of(
        "CREATE TABLE leaf (x int); CREATE TABLE x (id int PRIMARY KEY, y int);"
        "CREATE TABLE y (id int PRIMARY KEY, x int REFERENCES x); ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y;"
        "ALTER TABLE leaf ADD FOREIGN KEY (x) REFERENCES x"
    )
    names = [table.name for table in schema.tables]

    assert sorted(names) == ["leaf", "x", "y"]
    assert names.index("leaf") > names.index("x")


def test_the_run_column_is_found() -> None:
    """A table with the run column takes rows of runs, and tells whether it may be empty."""
    schema = schema_of(
        "CREATE TABLE a (test_run_id text NOT NULL); CREATE TABLE b (test_run_id text); CREATE TABLE c ()"
    )

    assert [(t.run_column, t.run_column_nullable) for t in schema.tables] == [
        ("test_run_id", False),
        ("test_run_id", True),
        (None, False),
    ]
    assert [table.name for table in schema.run_tables] == ["a", "b"]


def test_the_version_changes_with_the_schema_only() -> None:
    """The version ignores spelling and the order of tables, and sees a new column."""
    one = schema_of("CREATE TABLE a (x INT); CREATE TABLE b (y int)").schema_version

    assert one == schema_of("create table B (Y integer);\n\n-- a comment\ncreate table a (\n x int)").schema_version
    assert one != schema_of("CREATE TABLE a (x INT, z int); CREATE TABLE b (y int)").schema_version
    assert len(one) == 64


def test_the_wire_has_the_contract_s_names() -> None:
    """The schema answers with exactly the fields of the contract."""
    schema = schema_of("CREATE TABLE a (id text PRIMARY KEY, a text REFERENCES a, test_run_id text)")
    wire = msgspec.json.decode(msgspec.json.encode(schema))

    assert wire["tables"] == [
        {
            "name": "a",
            "columns": [
                {"name": "id", "type": "text", "nullable": False, "has_default": False},
                {"name": "a", "type": "text", "nullable": True, "has_default": False},
                {"name": "test_run_id", "type": "text", "nullable": True, "has_default": False},
            ],
            "primary_key": ["id"],
            "foreign_keys": [{"columns": ["a"], "references": "a", "referenced_columns": ["id"]}],
            "run_column": "test_run_id",
            "run_column_nullable": True,
        }
    ]


def test_unreadable_sql_names_the_file() -> None:
    """A file that sqlglot cannot read is refused by name, and told is how to do without."""
    with pytest.raises(SchemaError, match=r"0001_t.sql cannot be read: .*set TARGET_SCHEMA=database"):
        schema_of("CREATE TABLE a (x int DEFAULT 'unclosed)")


def test_what_the_database_does_by_itself_is_told() -> None:
    """A foreign key tells what happens to its rows on a deletion, wherever it is declared, and else nothing."""
    schema = schema_of(
        "CREATE TABLE a (id text PRIMARY KEY);"
        "CREATE TABLE b (one text REFERENCES a ON UPDATE CASCADE ON DELETE SET NULL,"
        " two text REFERENCES a ON DELETE RESTRICT DEFERRABLE, three text REFERENCES a ON UPDATE CASCADE, four text);"
        "ALTER TABLE b ADD FOREIGN KEY (four) REFERENCES a (id) MATCH FULL ON DELETE CASCADE,"
        " ADD five text DEFAULT 'x' REFERENCES a ON DELETE SET DEFAULT"
    )
    keys = schema.by_name["b"].foreign_keys

    assert {key.columns[0]: key.on_delete for key in keys} == {
        "one": "set null",
        "two": None,
        "three": None,
        "four": "cascade",
        "five": "set default",
    }
    assert ["on_delete" in msgspec.to_builtins(key) for key in keys] == [True, False, False, True, True]
