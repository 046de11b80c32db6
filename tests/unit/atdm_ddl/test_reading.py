"""What is read of DDL, what is told of the rest, and what is refused."""

import ast

import pytest

from atdm_ddl import UnreadableDdl, draft_pack, read_ddl
from atdm_ddl.schema import ForeignKey, Order
from atdm_ddl.writing import pack_files

TABLE = "CREATE TABLE t (id text PRIMARY KEY, n integer, s text);"


def notes_of(ddl: str) -> str:
    """What the pack of a schema says that it cannot honour."""
    return "\n".join(draft_pack(read_ddl(ddl)).notes)


def test_a_domain_says_what_its_columns_must_keep() -> None:
    """Checks, NOT NULL and defaults of a domain, and of the domain that it is made of, hold for its columns."""
    schema = read_ddl("""
        CREATE DOMAIN public.code AS character varying(9) NOT NULL DEFAULT 'a' CHECK (VALUE IN ('a', 'b', 'c'));
        CREATE DOMAIN "Narrow code" AS public.code CHECK (VALUE <> 'b');
        CREATE TABLE t (id text PRIMARY KEY, "C" "Narrow code");
    """)
    column = schema.tables["t"].columns["C"]
    assert (column.type, column.length, column.nullable, column.given) == ("text", 9, False, True)
    assert column.allowed == ("a", "c")
    assert schema.notes == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY"),
        ("ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (n WITH =)", "EXCLUDE USING gist"),
        ("ALTER TYPE mood ADD VALUE 'x'", "ADD VALUE"),
        ("CREATE TABLE u (id text PRIMARY KEY) INHERITS (v)", "INHERITS (v)"),
        ("CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TRIGGER a"),
        ("CREATE UNIQUE INDEX ON t (length(s))", "CREATE UNIQUE INDEX"),
        ("CREATE UNIQUE INDEX ON t (n) NULLS NOT DISTINCT", "CREATE UNIQUE INDEX"),
        ("ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (n)", "NULLS NOT DISTINCT (n): rows with null"),
        ("CREATE TABLE u (n numeric(5, -2))", "CREATE TABLE u (n numeric(5, -2))` was not read: Expecting"),
        ("CREATE TABLE u (n integer) PARTITION BY LIST (n)", "u: it has no partition"),
        (
            "CREATE TABLE u (n integer) PARTITION BY LIST (n); CREATE TABLE v PARTITION OF u FOR VALUES IN (1, 2)",
            "u: every row must fit a partition: IN (1, 2).",
        ),
        ("INSERT INTO t VALUES ('x', 1, 'y')", "Rows of t: the DDL inserts some"),
    ],
)
def test_what_is_not_read_is_told(statement: str, told: str) -> None:
    """A statement that says something of rows and was not understood is listed."""
    assert told in notes_of(f"{TABLE} {statement};")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t OWNER TO somebody",
        "ALTER SEQUENCE s OWNED BY t.n",
        "ALTER TABLE t CLUSTER ON i",
        "GRANT SELECT ON t TO somebody",
        "REVOKE ALL ON t FROM somebody",
        "CREATE INDEX ON t (n)",
        "COMMENT ON TABLE t IS 'a'",
    ],
)
def test_what_rows_need_not_keep_is_not_told(statement: str) -> None:
    """Owners, rights, indexes and comments are passed over."""
    assert notes_of(f"{TABLE} {statement};") == ""


@pytest.mark.parametrize(
    ("ddl", "told"),
    [
        ("SELECT 1", "the DDL creates no table"),
        ("CREATE TABLE t (id text", "the DDL cannot be read"),
        ("CREATE TABLE t (id text, PRIMARY KEY (no))", "a key names the column 'no'"),
        (f"{TABLE} CREATE TABLE u (id text PRIMARY KEY, FOREIGN KEY (x) REFERENCES t)", "a key names the column 'x'"),
        (f"{TABLE} CREATE TABLE u (id text PRIMARY KEY, t text REFERENCES t (x))", "points at (x) of t"),
        ("CREATE TABLE a (n int); CREATE TABLE b (n int REFERENCES a)", "the foreign key (n) of b points at () of a"),
    ],
)
def test_what_cannot_be_meant_is_refused(ddl: str, told: str) -> None:
    """A text that is no schema is refused with what is wrong with it."""
    with pytest.raises(UnreadableDdl) as refusal:
        read_ddl(ddl)
    assert told in str(refusal.value)


def test_newer_spellings_are_read() -> None:
    """What PostgreSQL 18 writes and sqlglot does not read is spelled as it does."""
    schema = read_ddl("""
        CREATE TABLE t (
            id integer PRIMARY KEY,
            twice integer GENERATED ALWAYS AS ((id * 2)) VIRTUAL,
            b text CHECK (b <> ') VIRTUAL') NO INHERIT NOT ENFORCED,
            bits bit varying(5),
            CONSTRAINT t_b_not_null NOT NULL b,
            CONSTRAINT "x y" NOT NULL bits NO INHERIT
        );
    """)
    columns = schema.tables["t"].columns
    assert columns["twice"].computed
    assert [name for name, column in columns.items() if not column.nullable] == ["id", "b", "bits"]
    assert columns["b"].patterns
    assert schema.notes == []


def test_one_statement_that_cannot_be_read_spoils_no_other() -> None:
    """A statement that is no SQL is listed with what is wrong with it, and all others are read."""
    schema = read_ddl(
        "CREATE TABLE u (n numeric(5, -2));\nCOMMENT ON TABLE t IS E'x\\ny';\nCREATE TABLE t (id text PRIMARY KEY)"
    )
    assert list(schema.tables) == ["t"]
    (note,) = schema.notes
    assert note.startswith("`CREATE TABLE u (n numeric(5, -2))` was not read: ")


def test_rows_in_a_dump_are_no_statements() -> None:
    """The rows of COPY, whatever stands in them, and the commands of psql are passed over; the rows are listed."""
    schema = read_ddl(r"""
\restrict abc
CREATE TABLE t (id text);
COPY public.t (id) FROM stdin;
it's; CREATE
\.
CREATE TABLE u (id text);
""")
    assert list(schema.tables) == ["t", "u"]
    assert schema.notes == ["Rows of t: the DDL inserts some; none were read."]


def test_a_pack_is_of_one_schema() -> None:
    """Tables and types of other schemas are not taken for those of the same name, and are listed."""
    schema = read_ddl("""
        CREATE TYPE b.mood AS ENUM ('b'); CREATE TYPE a.mood AS ENUM ('a');
        CREATE TABLE a.t (id text PRIMARY KEY, m a.mood NOT NULL, x text REFERENCES b.t);
        SET search_path = a, b;
        CREATE TABLE u (id text PRIMARY KEY REFERENCES t, m mood);
        CREATE TABLE b.t (id text PRIMARY KEY, m b.mood, CHECK (id ~ '(('));
    """)
    assert {name: table.columns["m"].allowed for name, table in schema.tables.items()} == {"t": ("a",), "u": ("a",)}
    assert schema.notes == [
        "All tables are in schema a: end the URL of the target's database with ?options=-csearch_path%3Da%2Cpublic.",
        "Tables of the schema b (t): left out, for a target serves one: a.",
    ]
    assert "t.x: null, because the pack cannot make a b.t." in draft_pack(schema).notes


def test_partitions_are_no_tables_of_their_own() -> None:
    """Rows are of the table that has the partitions, and their texts are those of its lists."""
    schema = read_ddl("""
        CREATE TABLE t (id text, r text) PARTITION BY LIST (r);
        CREATE TABLE t_eu PARTITION OF t FOR VALUES IN ('eu', 'uk');
        CREATE TABLE t_us (id text, r text);
        ALTER TABLE ONLY public.t ATTACH PARTITION public.t_us FOR VALUES IN ('us');
    """)
    assert list(schema.tables) == ["t"]
    assert schema.tables["t"].columns["r"].allowed == ("eu", "uk", "us")


def test_columns_of_other_tables() -> None:
    """INHERITS and LIKE bring the columns of another table, and LIKE what it includes."""
    tables = read_ddl("""
        CREATE TABLE a (id serial PRIMARY KEY, s text NOT NULL UNIQUE);
        CREATE TABLE b (n integer) INHERITS (a);
        CREATE TABLE c (LIKE a INCLUDING ALL, n integer);
        CREATE TABLE d (LIKE a);
    """).tables
    assert [list(table.columns) for table in tables.values()] == [
        ["id", "s"],
        ["id", "s", "n"],
        ["id", "s", "n"],
        ["id", "s"],
    ]
    assert [table.primary_key for table in tables.values()] == [("id",), (), ("id",), ()]
    assert [table.columns["id"].fresh for table in tables.values()] == [True, True, True, False]


def test_migrations_are_carried_out_one_after_the_other() -> None:
    """What later statements drop, rename and retype is as they leave it, wherever a constraint names it."""
    schema = read_ddl("""
        CREATE TABLE a (id serial PRIMARY KEY, old text UNIQUE, lost text UNIQUE, n smallint NOT NULL DEFAULT 1);
        CREATE TABLE b (
            id text PRIMARY KEY, a_old text REFERENCES a (old), low integer, high integer, CHECK (low < high)
        );
        CREATE TABLE gone (id text PRIMARY KEY);
        ALTER TABLE a RENAME old TO "New";
        ALTER TABLE a DROP COLUMN lost;
        ALTER TABLE a RENAME TO c;
        ALTER TABLE c ALTER COLUMN n TYPE bigint, ALTER n DROP DEFAULT;
        ALTER TABLE b RENAME COLUMN low TO least;
        DROP TABLE gone;
    """)
    c, b = schema.tables["c"], schema.tables["b"]
    assert list(schema.tables) == ["b", "c"]
    assert list(c.columns) == ["id", "New", "n"]
    assert c.unique == [("New",)]
    assert (c.columns["n"].declared, c.columns["n"].nullable, c.columns["n"].given) == ("bigint", False, False)
    assert b.foreign_keys == [ForeignKey(("a_old",), "c", ("New",))]
    assert b.orders == [Order("least", "high", strict=True)]
    assert schema.notes == []


def test_a_target_makes_primary_keys_alone() -> None:
    """A table without one is named by a text of ATDM, and left out where there is none."""
    ddl = """
        CREATE TABLE a (test_run_id text NOT NULL, n integer NOT NULL UNIQUE, s text NOT NULL UNIQUE);
        CREATE TABLE b (test_run_id text NOT NULL, n integer NOT NULL UNIQUE, s text UNIQUE);
    """
    assert [(entity.table.name, entity.key) for entity in draft_pack(read_ddl(ddl)).entities] == [("a", "s")]
    assert "b: left out, because it has no key" in notes_of(ddl)


def test_a_second_reference_of_a_column_is_told() -> None:
    """A column that refers to two tables keeps the first, and the second is listed, unless both lead to one row."""
    ddl = """
        CREATE TABLE a (id text PRIMARY KEY);
        CREATE TABLE b (id text PRIMARY KEY);
        CREATE TABLE of_a (id text PRIMARY KEY REFERENCES a);
    """
    assert notes_of(f"{ddl} CREATE TABLE c (id text PRIMARY KEY, x text NOT NULL REFERENCES a REFERENCES b);") == (
        "c.x: refers to a and to b; only the first is kept."
    )
    assert notes_of(f"{ddl} CREATE TABLE c (id text PRIMARY KEY, x text NOT NULL REFERENCES a REFERENCES of_a);") == ""


def test_what_nothing_makes_unique_is_told() -> None:
    """Of UNIQUE, those are listed that nothing keeps, or that have so few values that two runs soon share one."""
    ddl = """
        CREATE TABLE a (id text PRIMARY KEY, n integer UNIQUE, s text UNIQUE, code char(2) UNIQUE,
            flag boolean UNIQUE, u uuid DEFAULT gen_random_uuid() UNIQUE);
        CREATE TABLE b (id text PRIMARY KEY, a_id text NOT NULL REFERENCES a, n integer, UNIQUE (a_id, n));
    """
    assert notes_of(ddl).splitlines() == [
        "a: UNIQUE (code) has few values: two runs share one with a chance of 1 in 676.",
        "a: UNIQUE (flag) may be broken by two rows or runs: nothing makes it unique.",
        "a.u: uuid is left to the database.",
    ]


def test_names_of_a_schema_stay_names() -> None:
    """Quotes, line breaks and words of Python in names end up in texts, and never as code."""
    name = 'x""" + print(1) + """\\\n'
    quoted = '"' + name.replace('"', '""') + '"'
    schema = read_ddl(f"""
        CREATE TABLE {quoted} (id text PRIMARY KEY, {quoted} date NOT NULL, "class" date NOT NULL,
            CHECK ({quoted} <= "class"));
        CREATE TABLE b (id text PRIMARY KEY, x text NOT NULL REFERENCES {quoted});
    """)
    files = pack_files(draft_pack(schema), "odd")
    calls = {
        node.func.id
        for path, text in files.items()
        if path.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert name in schema.tables
    assert "print" not in calls
