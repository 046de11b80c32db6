"""What CHECK and UNIQUE say of rows, and what is drawn then."""

import pytest

from atdm_ddl import draft_pack, read_ddl
from atdm_ddl.meaning import allows
from tests.unit.atdm_ddl.test_reading import notes_of


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
    ("check", "text", "other"),
    [
        ("s NOT LIKE 'a%'", "b", "ab"),
        ("NOT (s LIKE 'a%')", "b", "ab"),
        ("s LIKE '!%%' ESCAPE '!'", "%b", "ab"),
        ("s ILIKE 'a_'", "AB", "ABC"),
        ("s ~ '^[[:upper:]]{3}$'", "ABC", "ABc"),
        ("s ~* '^abc$'", "ABC", "ABCD"),
        ("s !~ 'b'", "aca", "aba"),
        ("NOT s ~ 'b'", "aca", "aba"),
        ("s = upper(s)", "A1", "a1"),
        ("lower(s) = s", "a1", "A1"),
        ("s NOT IN ('a', 'b')", "c", "b"),
        ("s <> ALL (ARRAY['a'::text, 'b'::text])", "c", "b"),
        ("length(s) = 3", "abc", "abcd"),
        ("char_length(btrim(s)) BETWEEN 2 AND 3", "abc", "a"),
        ("s IS NULL OR length(s) > 2", "abc", "ab"),
    ],
)
def test_a_check_of_texts_says_which_there_may_be(check: str, text: str, other: str) -> None:
    """Patterns, cases, lists and lengths are understood, those that are denied too."""
    schema = read_ddl(f"CREATE TABLE t (id text PRIMARY KEY, s text CHECK ({check}))")
    column = schema.tables["t"].columns["s"]
    assert schema.notes == []
    assert allows(column, text)
    assert not allows(column, other)


@pytest.mark.parametrize(
    ("check", "allowed"),
    [
        ("s = ANY ('{a,b}'::text[])", ("a", "b")),
        ("s IN ('a', E'b\\n')", ("a", "b\n")),
        ("s = 'a' OR s IN ('b', 'c')", ("a", "b", "c")),
    ],
)
def test_lists_of_texts(check: str, allowed: tuple[str, ...]) -> None:
    """Texts of a list are read however it is written."""
    assert read_ddl(f"CREATE TABLE t (s text CHECK ({check}))").tables["t"].columns["s"].allowed == allowed


@pytest.mark.parametrize(
    ("check", "nullable"),
    [("s IS NOT NULL", False), ("NOT s IS NULL", False), ("NOT (s IS NOT NULL)", True), ("s IS NULL", True)],
)
def test_null(check: str, nullable: bool) -> None:
    """A CHECK that denies null is NOT NULL, and one that demands it is not."""
    assert read_ddl(f"CREATE TABLE t (s text CHECK ({check}))").tables["t"].columns["s"].nullable is nullable


@pytest.mark.parametrize(
    ("check", "low", "high"),
    [
        ("n IN (10, 20, 21, 5)", 20, 21),
        ("n <> 0", 1, None),
        ("b", 1, 1),
        ("NOT b", 0, 0),
        ("b = false", 0, 0),
        ("b IS TRUE", 1, 1),
    ],
)
def test_numbers_and_booleans_of_a_check(check: str, low: int, high: int | None) -> None:
    """Of a list of numbers the longest stretch is drawn, and a boolean is what it must be."""
    schema = read_ddl(f"CREATE TABLE t (id text PRIMARY KEY, b boolean, n bigint, CHECK ({check}))")
    column = schema.tables["t"].columns["n" if check.startswith("n ") else "b"]
    assert schema.notes == []
    assert (column.low, column.high) == (low, 2**53 if high is None else high)


@pytest.mark.parametrize(
    ("check", "low", "high"),
    [
        ("d < CURRENT_DATE", None, -1),
        ("now() < d", 1, None),
        ("d >= '1999-12-31'::date", -7305, None),
        ("d <= DATE '2100-01-01'", None, 3651),
        ("d > DATE '2026-01-01'", None, None),
    ],
)
def test_days_are_bound_by_that_of_the_bundle(check: str, low: int | None, high: int | None) -> None:
    """The present day, days long ago and far ahead bound a day; others hang on when the bundle is made."""
    schema = read_ddl(f"CREATE TABLE t (d date NOT NULL CHECK ({check}))")
    column = schema.tables["t"].columns["d"]
    assert (column.low, column.high) == (low, high)
    assert bool(schema.notes) is (low is None and high is None)


def test_an_order_of_unique_columns_is_kept() -> None:
    """The later of two columns stays unique as the earlier one is, and neither leaves its range."""
    (entity,) = draft_pack(
        read_ddl("""
            CREATE TABLE t (id text PRIMARY KEY, a smallint NOT NULL UNIQUE, b smallint NOT NULL UNIQUE, CHECK (a < b),
                c date NOT NULL UNIQUE, d date NOT NULL CHECK (d < CURRENT_DATE), CHECK (c <= d))
        """)
    ).entities
    assert {name: value.code for name, value in entity.values.items() if name != "id"} == {
        "a": 'draw.serial("a", 1, 32_737)',
        "b": 'a + draw.integer("b", 1, 1)',
        "c": 'draw.day("c", 0, 0) + draw.serial("c", -30_030, -31).astype("timedelta64[D]")',
        "d": 'c + draw.integer("d", 0, 30).astype("timedelta64[D]")',
    }
    assert all(value.of_run for value in entity.values.values())


def test_orders_that_cannot_be_kept_are_told() -> None:
    """Orders in a circle are kept as far as they go, and those that follow from others are kept with them."""
    columns = ", ".join(f"{name} integer NOT NULL" for name in "abcd")
    orders = "CHECK (a <= b), CHECK (b < c), CHECK (a < c), CHECK (c <= d), CHECK (d <= c)"
    assert notes_of(f"CREATE TABLE t (id text PRIMARY KEY, {columns}, {orders})") == (
        "t: the CHECK of d and c is the database's alone."
    )


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("n integer", 'draw.serial("n", 1, 2_147_483_647)'),
        ("n smallint CHECK (n < 0)", 'draw.serial("n", -30_001, -1)'),
        ("n numeric(6, 2)", 'draw.serial("n", 1, 999_999) / 100'),
        ("n text", 'draw.key("t-n")'),
        ("n varchar(20)", 'draw.text("FAKE_{}", draw.code("n", 11))'),
        ("n char(3) CHECK (n ~ '^[A-Z]+$')", 'draw.code("n", 3)'),
        ("n text CHECK (n ~ '^[0-9]{5}$')", 'draw.text("{}", draw.serial("n", 10_000, 99_999))'),
        ("mail text", 'draw.text("FAKE_{}@example.test", draw.code("mail", 11))'),
        (
            "mail text CHECK (mail = lower(mail))",
            'draw.text("fake{}@example.test", draw.serial("mail", 100_000_000, 999_999_999))',
        ),
        ("n bytea", 'draw.text("FAKE_{}", draw.code("n", 11))'),
        ("n date", 'draw.day("n", 0, 0) + draw.serial("n", -30_000, -1).astype("timedelta64[D]")'),
    ],
)
def test_a_unique_column_is_of_the_run(column: str, code: str) -> None:
    """What makes a column unique keeps to its type, its length and its checks."""
    name, _ = column.split(maxsplit=1)
    (entity,) = draft_pack(read_ddl(f"CREATE TABLE t (id text PRIMARY KEY, {column}, UNIQUE ({name}))")).entities
    assert entity.values[name].code == code
    assert entity.is_of_run(name)


def test_what_must_differ_refers_to_no_row_twice() -> None:
    """Of two references that must differ one is null, and a table where none may be is left out."""
    ddl = """
        CREATE TABLE p (id text PRIMARY KEY);
        CREATE TABLE follows (a text REFERENCES p, b text REFERENCES p, id text PRIMARY KEY, CHECK (a <> b));
        CREATE TABLE pair (a text REFERENCES p, b text REFERENCES p, PRIMARY KEY (a, b), CHECK (b <> a));
    """
    draft = draft_pack(read_ddl(ddl))
    assert [entity.table.name for entity in draft.entities] == ["p", "follows"]
    assert [value.code for value in draft.entities[1].values.values()][:2] == ['draw.ref("p")', "None"]
    assert "pair: left out, because its b and a must differ, and a bundle has one row of p for both." in draft.notes
