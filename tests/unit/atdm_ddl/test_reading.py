"""What is read of DDL, what is told of the rest, and what is refused."""

import ast

import pytest

from atdm_ddl import UnreadableDdl, draft_pack, read_ddl
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


def test_two_checks_of_one_column_hold_together() -> None:
    """What a column may hold is what every CHECK, and its enum, allow."""
    schema = read_ddl("""
        CREATE TYPE public.state AS ENUM ('new', 'old', 'lost');
        CREATE TABLE t (id text PRIMARY KEY, s public.state CHECK (s IN ('old', 'new')), CHECK (s <> 'new'));
    """)
    assert schema.tables["t"].columns["s"].allowed == ("old",)


@pytest.mark.parametrize("check", ["NOT (b IS TRUE)", "b IS NOT TRUE"])
def test_not_true_is_not_not_null(check: str) -> None:
    """A CHECK that denies something else than null is told, and not taken for NOT NULL."""
    schema = read_ddl(f"CREATE TABLE t (id text PRIMARY KEY, b boolean CHECK ({check}))")
    assert schema.tables["t"].columns["b"].nullable
    assert "is the database's alone" in schema.notes[0]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY"),
        ("ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (n WITH =)", "EXCLUDE USING gist"),
        ("ALTER TYPE mood ADD VALUE 'x'", "ADD VALUE"),
        ("CREATE TABLE u (id text PRIMARY KEY) INHERITS (t)", "INHERITS (t)"),
        ("CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TRIGGER a"),
        ("CREATE UNIQUE INDEX ON t (n) WHERE s IS NULL", "CREATE UNIQUE INDEX"),
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
    """Of UNIQUE, those are listed that neither a key, nor a reference, nor the database keeps."""
    ddl = """
        CREATE TABLE a (id text PRIMARY KEY, n integer UNIQUE, s text UNIQUE, code char(2) UNIQUE,
            u uuid DEFAULT gen_random_uuid() UNIQUE);
        CREATE TABLE b (id text PRIMARY KEY, a_id text NOT NULL REFERENCES a, n integer, UNIQUE (a_id, n));
    """
    assert notes_of(ddl).splitlines() == [
        "a: UNIQUE (n) may be broken by two rows or runs: nothing makes it unique.",
        "a: UNIQUE (code) may be broken by two rows or runs: nothing makes it unique.",
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
