"""The whole database, exported and restored: nothing is lost, nothing is torn, and a failure changes nothing."""

import time
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Event, Thread
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from target_healthcare.__main__ import prepare_database
from target_healthcare.baseline import Database
from target_healthcare.errors import DatabaseUnavailable, InvalidRequest, RowsReferenced, SchemaDrift
from target_healthcare.migrations import read_migrations
from target_healthcare.schema import read_schema
from target_healthcare.settings import HEALTHCARE_MIGRATIONS
from target_healthcare.sqlstates import explain
from tests.unit.target_healthcare.conftest import settings_for
from tests.unit.target_healthcare.exports import Frames, digests, read_frames, write_frames

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]

NASTY = r"""
CREATE TYPE mood AS ENUM ('sad', 'so "so", really');
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE TABLE "50% ""odd"" table" (
    "the key" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent bigint REFERENCES "50% ""odd"" table",
    "select" numeric, words text, flag bool, day date, moment timestamptz, clock timetz, span interval, part jsonb,
    raw json, tags text[], grid int[][], blob bytea, id uuid, single real, double double precision, small smallint,
    letters char(5), feeling mood, amount positive, net inet, span_of int4range, bits varbit,
    doubled bigint GENERATED ALWAYS AS (small * 2) STORED, "Words" varchar(20), test_run_id text
);
CREATE TABLE lonely (word text);
CREATE TABLE empty (a int, b text);
CREATE TABLE counted (number serial PRIMARY KEY, word text UNIQUE);
"""
SURROUNDINGS = r"""
COMMENT ON CONSTRAINT counted_word_key ON counted IS 'it''s unique';
CREATE INDEX counted_word_start ON counted (left(word, 2)) WHERE word IS NOT NULL;
ALTER TABLE counted CLUSTER ON counted_pkey;
CREATE VIEW summary AS SELECT number, word FROM counted GROUP BY number;
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.word := coalesce(NEW.word, '') || '!'; RETURN NEW; END $$;
CREATE TRIGGER change BEFORE INSERT ON counted FOR EACH ROW EXECUTE FUNCTION change();
ALTER TABLE counted ENABLE ALWAYS TRIGGER change;
CREATE TRIGGER off BEFORE INSERT ON counted FOR EACH ROW EXECUTE FUNCTION change();
ALTER TABLE counted DISABLE TRIGGER off;
"""
ROWS = r"""
INSERT INTO "50% ""odd"" table" (
    parent, "select", words, flag, day, moment, clock, span, part, raw, tags, grid, blob, id, single, double, small,
    letters, feeling, amount, net, span_of, bits, "Words", test_run_id
) VALUES
    (3, 'NaN', '', true, 'infinity', '-infinity', '10:00:00+02', '-1 mon +2 days -03:00:00.000001', 'null', 'null',
     '{}', '{}', '', '00000000-0000-0000-0000-000000000000', 'NaN', '-Infinity', -32768, '', 'sad', 1, '10.0.0.1/8',
     'empty', B'', '', 'r'),
    (NULL, 0.10000000000000000000000000000000001, E'a "b", c\r\nd\te\\.\n', false, '4713-01-01 BC',
     '294276-12-31 23:59:59.999999+00', '23:59:60-15:59', '178000000 years', '{"a": [1e400, "\"\n"], "b": null}',
     '{"a" : 1.0, "a": 2}', ARRAY['', NULL, 'NULL', '"', ',', '{', E'\\'], '{{1,NULL},{3,4}}', '\x00ff0a0d225c2c',
     'ffffffff-ffff-ffff-ffff-ffffffffffff', '1e-45', '1.7976931348623157e308', 32767, 'ab', 'so "so", really', 7,
     '::1', '[1,)', B'0101', E'\u00e9\U0001F600', NULL),
    (1, 'Infinity', '\.', NULL, '5874897-12-31', '0001-01-01 00:00:00+00 BC', NULL, 'infinity', '"\\"', ' "x" ',
     NULL, '[0:1]={1,2}', NULL, NULL, '-0', '5e-324', 0, '     ', NULL, NULL, NULL, '(,)', NULL, 'NULL', 's'),
    (NULL, 1e131071, E'\u2028\ufeff', NULL, NULL, '2026-01-01 00:00:00.000001+00', NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, 3.4028235e38, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ' ', '');
INSERT INTO lonely VALUES (NULL), (''), (' '), (E'\n'), ('\.'), (NULL), ('NULL'), ('"');
INSERT INTO counted (word) SELECT 'word ' || n FROM generate_series(1, 70000) AS n;
INSERT INTO atdm_run (run_id, bundle_sha, state) VALUES ('r', repeat('a', 64), 'seeded'), ('s', NULL, 'deleted');
"""
TABLES = ['50% "odd" table', "lonely", "empty", "counted"]


@pytest.fixture
def nasty(empty_database: str, tmp_path: Path) -> str:
    """A database with values, names and types that a careless copy would change."""
    (tmp_path / "0001_nasty.sql").write_text(NASTY)
    prepare_database(settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path)))
    with psycopg.connect(empty_database) as connection:
        connection.execute(ROWS.encode())
        connection.execute(SURROUNDINGS.encode())
    return empty_database


@pytest.fixture
def whole(nasty: str, tmp_path: Path) -> Database:
    """The nasty database as a whole."""
    return Database(nasty, read_schema(read_migrations(tmp_path)))


@pytest.fixture
def look(nasty: str) -> Generator[Sql]:
    """A connection of the test's own to the nasty database."""
    with psycopg.connect(nasty, autocommit=True) as connection:
        yield connection


def definitions(look: Sql) -> list[tuple[object, ...]]:
    """Everything a restore sets aside, as the catalog describes it."""
    return look.execute(
        """
        SELECT 'constraint', conname, pg_get_constraintdef(oid), obj_description(oid), conrelid::regclass::text
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'index', relname, pg_get_indexdef(indexrelid), indisclustered::text, indisvalid::text
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'trigger', tgname, tgenabled::text, NULL, NULL FROM pg_trigger WHERE NOT tgisinternal
        ORDER BY 1, 2
        """
    ).fetchall()


def test_every_value_comes_back_as_it_was(nasty: str, whole: Database, look: Sql) -> None:
    """Whatever happened to the rows in between, a restore gives each table the digest it had, twice over."""
    before, defined, stream = digests(nasty, TABLES), definitions(look), list(whole.export())
    look.execute("DELETE FROM counted WHERE number > 5; UPDATE lonely SET word = 'x'; INSERT INTO empty VALUES (1)")
    assert digests(nasty, TABLES) != before

    for _ in range(2):
        answer = whole.restore(iter(stream))

        assert answer.row_counts == {'50% "odd" table': 4, "lonely": 8, "empty": 0, "counted": 70_000}
        assert digests(nasty, TABLES) == before
        assert definitions(look) == defined
    assert b"".join(whole.export())[400:] == b"".join(stream)[400:]  # beyond the time in the first frame


def test_sequences_go_on_behind_the_rows(whole: Database, look: Sql) -> None:
    """A key that the database makes after a restore is a new one, and an emptied table begins at its start."""
    stream = list(whole.export())
    look.execute("TRUNCATE counted RESTART IDENTITY")
    empty = list(whole.export())

    whole.restore(iter(stream))
    after = look.execute("INSERT INTO counted (word) VALUES ('new') RETURNING number, word").fetchone()
    key = look.execute("""INSERT INTO "50% ""odd"" table" (words) VALUES ('new') RETURNING "the key" """).fetchone()
    whole.restore(iter(empty))
    first = look.execute("INSERT INTO counted (word) VALUES ('new') RETURNING number").fetchone()

    assert (after, key, first) == ((70_001, "new!"), (5,), (1,))


def test_the_frames_are_the_contract_s(whole: Database) -> None:
    """Start, then each table with its batches and its end, then done; batches are bounded, an empty table has one."""
    frames = read_frames(b"".join(whole.export()))
    headers = [header for header, _ in frames]

    assert headers[0].keys() == {"kind", "schema_version", "captured_at", "tables"}
    assert headers[0]["tables"] == TABLES
    assert [header["rows"] for header in headers if header["kind"] == "batch"] == [4, 8, 0, 32_768, 32_768, 4_464]
    assert [header["table"] for header in headers if header["kind"] == "table"] == TABLES
    assert headers[-1]["kind"] == "done"
    assert all(bool(payload) == (header["kind"] == "batch") for header, payload in frames)


def test_a_restore_buries_every_run(whole: Database, look: Sql) -> None:
    """Runs that were seeded before are deleted runs afterwards, and their number is told."""
    stream = list(whole.export())

    assert whole.restore(iter(stream)).run_count == 1
    assert look.execute("SELECT DISTINCT state FROM atdm_run").fetchall() == [("deleted",)]
    assert whole.restore(iter(stream)).run_count == 0


DAMAGES: dict[str, Callable[[Frames], Frames]] = {
    "no done": lambda frames: frames[:-1],
    "cut off": lambda frames: frames[:4],
    "nothing": lambda _: [],
    "no start": lambda frames: frames[1:],
    "done twice": lambda frames: [*frames, frames[-1]],
    "no end": lambda frames: [frame for frame in frames if frame[0]["kind"] != "end"],
    "a batch less": lambda frames: [frame for frame in frames if frame[0].get("rows") != 4_464],
    "miscounted": lambda frames: [
        (header | {"rows": 3} if header.get("rows") == 4 else header, p) for header, p in frames
    ],
    "short payloads": lambda frames: [(header, payload[:-9]) for header, payload in frames],
    "no Arrow": lambda frames: [(header, b"x" * len(payload)) for header, payload in frames],
    "other tables": lambda frames: [(header | {"tables": ["counted"]}, payload) for header, payload in frames],
    "a table twice": lambda frames: [*frames[:1], *frames[-4:-1], *frames[1:]],
    "batch of another table": lambda frames: [*frames[:2], (frames[2][0], frames[5][1]), *frames[3:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_stream_changes_nothing(nasty: str, whole: Database, look: Sql, damage: str) -> None:
    """Wherever a stream is cut, reordered or damaged, it is refused and the old rows and runs stay."""
    stream = write_frames(DAMAGES[damage](read_frames(b"".join(whole.export()))))
    look.execute("DELETE FROM counted WHERE number > 5")
    before, defined = digests(nasty, TABLES), definitions(look)

    with pytest.raises(InvalidRequest):
        whole.restore(iter([stream] if stream else []))

    assert digests(nasty, TABLES) == before
    assert definitions(look) == defined
    assert look.execute("SELECT count(*) FROM atdm_run WHERE state = 'seeded'").fetchone() == (1,)


@pytest.mark.parametrize("end", [3, 100, 5_000, 500_000])
def test_a_stream_cut_anywhere_is_refused(whole: Database, end: int) -> None:
    """Also in the middle of a length, a header or a payload."""
    stream = b"".join(whole.export())

    with pytest.raises(InvalidRequest, match="ends in the middle"):
        whole.restore(iter([stream[:end]]))


def test_another_schema_s_tables_are_refused(whole: Database) -> None:
    """A stream says of which schema it is, and another than the target's is drift."""
    frames = read_frames(b"".join(whole.export()))
    frames[0][0]["schema_version"] = "0" * 64

    with pytest.raises(SchemaDrift):
        whole.restore(iter([write_frames(frames)]))


def test_a_row_that_a_constraint_refuses_changes_nothing(nasty: str, whole: Database, look: Sql) -> None:
    """A foreign key that the rows do not keep undoes the restore when it is built again."""
    look.execute("""ALTER TABLE "50% ""odd"" table" DROP CONSTRAINT "50% ""odd"" table_parent_fkey" """)
    look.execute("""UPDATE "50% ""odd"" table" SET parent = 99 WHERE parent = 1""")
    stream = list(whole.export())
    look.execute("""UPDATE "50% ""odd"" table" SET parent = 1 WHERE parent = 99""")
    look.execute("""ALTER TABLE "50% ""odd"" table" ADD FOREIGN KEY (parent) REFERENCES "50% ""odd"" table" """)
    before = digests(nasty, TABLES)

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        whole.restore(iter(stream))

    assert digests(nasty, TABLES) == before


def test_a_foreign_key_of_a_stranger_is_named(whole: Database, look: Sql) -> None:
    """A table outside the schema that refers to one inside cannot be left pointing at nothing."""
    look.execute("CREATE TABLE stranger (word text REFERENCES counted (word))")

    with pytest.raises(RowsReferenced, match="stranger"):
        whole.restore(list(whole.export()))


def test_a_terminated_backend_leaves_the_old_state(nasty: str, whole: Database, look: Sql) -> None:
    """The restore's own connection is killed in the middle: all is as before, and a repetition succeeds."""
    stream = list(whole.export())
    look.execute("DELETE FROM counted WHERE number > 5")
    before, defined = digests(nasty, TABLES), definitions(look)

    def deadly() -> Generator[bytes]:
        yield from stream[:-3]
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'target-healthcare restore'"
        ((pid,),) = look.execute(query).fetchall()
        look.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        yield from stream[-3:]

    with pytest.raises(psycopg.Error) as caught:
        whole.restore(deadly())

    assert isinstance(explain(caught.value), DatabaseUnavailable)
    assert digests(nasty, TABLES) == before
    assert definitions(look) == defined
    assert whole.restore(iter(stream)).row_counts["counted"] == 70_000


def test_a_reader_sees_the_old_rows_or_the_new(nasty: str, whole: Database, look: Sql) -> None:
    """Readers wait for a restore under way; also one whose snapshot is older than the restore finds whole tables."""
    stream = list(whole.export())
    look.execute("DELETE FROM counted WHERE number > 5")
    loading, go_on = Event(), Event()

    def slow() -> Generator[bytes]:
        yield from stream[:-3]
        loading.set()
        assert go_on.wait(20)
        yield from stream[-3:]

    restore = Thread(target=whole.restore, args=[slow()])
    with psycopg.connect(nasty) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM atdm_run")
        restore.start()
        assert loading.wait(20)
        look.execute("SET lock_timeout TO '10ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            look.execute("SELECT count(*) FROM counted")
        go_on.set()
        assert old.execute("SELECT count(*) FROM counted").fetchone() == (70_000,)
        assert old.execute("SELECT count(*) FROM lonely").fetchone() == (8,)
    restore.join(20)
    assert not restore.is_alive()


def test_an_export_is_one_moment(empty_database: str) -> None:
    """While two writers change rows of two tables together, every export shows both changed or neither."""
    settings = settings_for(empty_database)
    prepare_database(settings)
    schema = read_schema(read_migrations(HEALTHCARE_MIGRATIONS))
    stop, plans = Event(), 0

    def write(name: str) -> None:
        with psycopg.connect(empty_database) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                key = f"{name}-{number}"
                connection.execute("INSERT INTO plan VALUES (%s, 'FAKE_', 'hmo', '2026-01-01', 'r')", [key])
                connection.execute("INSERT INTO procedure_code VALUES (%s, '', true, 'r')", [key])
                connection.execute("INSERT INTO diagnosis_code VALUES (%s, '', true, 'r')", [key])
                connection.commit()

    writers = [Thread(target=write, args=[name]) for name in "ab"]
    for writer in writers:
        writer.start()
    try:
        for _ in range(10):
            *_, last = Database(empty_database, schema).export()
            counts = read_frames(last)[0][0]["row_counts"]
            plans = counts["plan"]
            assert plans == counts["procedure_code"] - 4 == counts["diagnosis_code"] - 4
    finally:
        stop.set()
        for writer in writers:
            writer.join(10)
    assert plans > 0


def test_an_abandoned_export_lets_go(whole: Database, look: Sql) -> None:
    """An export that is closed midway ends its connection, so a restore need not wait for it."""
    export = whole.export()
    for _ in range(3):
        next(export)

    export.close()

    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'target-healthcare export'"
    deadline = time.monotonic() + 10
    while look.execute(query).fetchone() != (0,):
        assert time.monotonic() < deadline


def test_a_digest_is_of_the_rows_alone(whole: Database, look: Sql) -> None:
    """Neither the order in which rows lie nor a restore changes a digest, and every table of the schema has one."""
    before, stream = whole.digest().tables, list(whole.export())
    look.execute("UPDATE counted SET number = number")
    look.execute("CREATE TABLE kept AS SELECT * FROM lonely; TRUNCATE lonely")
    look.execute("INSERT INTO lonely SELECT * FROM kept ORDER BY word DESC NULLS FIRST")
    shuffled = whole.digest().tables
    whole.restore(iter(stream))

    assert list(before) == TABLES
    assert {name: table.rows for name, table in before.items()} == dict(zip(TABLES, (4, 8, 0, 70_000), strict=True))
    assert all(len(table.digest) == 32 for table in before.values())
    assert whole.digest().tables == shuffled == before


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE lonely SET word = ' ' WHERE word = ''", "lonely"),
        ("UPDATE lonely SET word = NULL WHERE word = ''", "lonely"),
        ("INSERT INTO lonely VALUES (NULL)", "lonely"),
        ("INSERT INTO empty VALUES (NULL, NULL)", "empty"),
        ("UPDATE counted SET word = word || '.' WHERE number = 35000", "counted"),
        ("DELETE FROM counted WHERE number = 1", "counted"),
        ("""UPDATE "50% ""odd"" table" SET double = '4.9e-324' WHERE double = '-Infinity'""", TABLES[0]),
        ("""UPDATE "50% ""odd"" table" SET parent = parent + 1 WHERE parent = 1""", TABLES[0]),
    ],
)
def test_a_digest_sees_every_change(whole: Database, look: Sql, change: str, table: str) -> None:
    """One value, one row more or less, also one that was there twice: that table's digest is another, no other's."""
    before = whole.digest().tables
    look.execute(change.encode())
    after = whole.digest().tables

    assert {name for name in TABLES if after[name].digest != before[name].digest} == {table}


def test_a_digest_depends_on_no_setting(nasty: str, whole: Database, look: Sql) -> None:
    """Whatever the database is set to write dates, numbers and bytes as, the digest is the same."""
    before = whole.digest()
    name = sql.Identifier(str(conninfo_to_dict(nasty)["dbname"]))
    for setting in (
        "datestyle = 'SQL, DMY'",
        "timezone = 'Asia/Tokyo'",
        "extra_float_digits = -3",
        "bytea_output = 'escape'",
    ):
        look.execute(sql.SQL("ALTER DATABASE {} SET ").format(name).as_bytes(look) + setting.encode())

    assert whole.digest() == before
