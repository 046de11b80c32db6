"""A live PostgreSQL as the source of a pack: the same as from its DDL, and nothing of the password in what is told."""

from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atdm_ddl import UnreadableDdl, draft_pack, read_ddl
from atdm_ddl.catalog import read_database
from atdm_ddl.cli import pack
from atdm_ddl.schema import Schema
from target_healthcare.__main__ import prepare_database
from tests.postgres import fresh_database
from tests.unit.atdm_ddl.test_generated_packs import SCHEMAS
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.conftest import running_target, settings_for

SECRET = "open-sesame"


def made_of(schema: Schema) -> dict[str, object]:
    """What a pack has for each table, without the words of the notes."""
    return {
        entity.table.name: (
            entity.key,
            {column: (value.kind, value.code) for column, value in entity.values.items()},
            entity.parents,
            entity.orders,
        )
        for entity in draft_pack(schema).entities
    }


def installed(folder: Path, name: str) -> Path:
    """The folder of a pack's modules, with what an installer writes beside them."""
    info = folder / "src" / f"atdm_{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: atdm-{name}\nVersion: 0.1.0\n", encoding="utf-8")
    points = f"[atdm.packs]\n{name} = atdm_{name}:PACK\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    return folder / "src"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_database_gives_the_pack_of_its_ddl(server: str, name: str) -> None:
    """Tables, keys, references, checks, enums, domains, defaults and identity are read as from the DDL."""
    ddl = SCHEMAS[name].read_text(encoding="utf-8")
    with fresh_database(server) as dsn:
        with psycopg.connect(dsn) as database:
            database.execute(ddl.encode())
        assert made_of(read_database(dsn)) == made_of(read_ddl(ddl))


def test_what_cannot_be_honoured_is_told(server: str, tmp_path: Path) -> None:
    """Triggers, exclusions, unique expressions and CHECKs that were not understood end up in the notes."""
    declared = """
        CREATE TABLE booking (id text PRIMARY KEY, room int4range NOT NULL, note text CHECK (reverse(note) = note),
            EXCLUDE USING gist (room WITH &&));
        CREATE UNIQUE INDEX ON booking (length(note));
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER refuse BEFORE INSERT ON booking FOR EACH ROW EXECUTE FUNCTION refuse();
    """
    with fresh_database(server) as dsn:
        with psycopg.connect(dsn) as database:
            database.execute(declared.encode())
        notes = read_database(dsn).notes
    for told in ("CREATE TRIGGER refuse", "EXCLUDE USING gist", "CREATE UNIQUE INDEX", "CHECK (REVERSE(note)"):
        assert any(told in note for note in notes), notes


def test_the_target_s_own_tables_are_no_part_of_it(server: str, tmp_path: Path) -> None:
    """A database that a target serves already gives the same pack as before."""
    (tmp_path / "0001_schema.sql").write_text("CREATE TABLE t (id text PRIMARY KEY, n integer NOT NULL);")
    with fresh_database(server) as dsn:
        prepare_database(settings_for(dsn, TARGET_MIGRATIONS=str(tmp_path)))
        assert list(read_database(dsn).tables) == ["t"]


@pytest.mark.parametrize("path", ["public", "nowhere"])
def test_a_database_without_tables_is_refused(server: str, path: str) -> None:
    """Where there is no table to read, the refusal says where it was looked for."""
    with fresh_database(server) as dsn:
        with psycopg.connect(dsn) as database:
            database.execute("CREATE SCHEMA other CREATE TABLE t (id text PRIMARY KEY)")
            database.execute("CREATE TYPE other.mood AS ENUM ('calm')")
        with pytest.raises(UnreadableDdl, match="the role's search path leads to declares no table"):
            read_database(make_conninfo(dsn, options=f"-csearch_path={path}"))


async def test_a_pack_of_another_schema_reaches_it(server: str, tmp_path: Path) -> None:
    """A target whose URL ends as the note says serves the schema that the pack is of."""
    ddl = "CREATE SCHEMA shop; CREATE TABLE shop.t (id serial PRIMARY KEY, n integer NOT NULL);"
    (tmp_path / "0001_schema.sql").write_text(ddl)
    (note,) = read_ddl(ddl).notes
    end = note.rsplit(maxsplit=1)[1].rstrip(".")
    with fresh_database(server) as dsn:
        place = conninfo_to_dict(dsn)
        url = f"postgresql://{place['user']}@/{place['dbname']}{end}&host={quote(str(place['host']), safe='')}"
        settings = settings_for(url, TARGET_MIGRATIONS=str(tmp_path), TARGET_POOL_SIZE="1")
        prepare_database(settings)
        async with running_target(settings) as target:
            seed = {"bundle_sha": SHA, "tables": {"t": [{"id": "t-1", "n": 7}]}}
            answer = await target.put("/internal/runs/r", json=seed)
        assert answer.status_code == 201, answer.text
        with psycopg.connect(dsn) as database:
            assert database.execute("SELECT n FROM shop.t").fetchall() == [(7,)]


def test_drift_of_a_database_is_told(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`pack new` and `pack check` take a URL, and the exit code is 1 where pack and database differ."""
    with fresh_database(server) as dsn, psycopg.connect(dsn, autocommit=True) as database:
        database.execute("CREATE TABLE book (id text PRIMARY KEY, pages integer NOT NULL)")
        assert pack("new", "books_of_a_test", from_database=dsn, out=tmp_path / "pack") == 0
        monkeypatch.syspath_prepend(str(installed(tmp_path / "pack", "books_of_a_test")))
        assert pack("check", "books_of_a_test", database=dsn) == 0
        database.execute("ALTER TABLE book ADD COLUMN title text NOT NULL")
        assert pack("check", "books_of_a_test", database=dsn) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://somebody:{SECRET}@/nowhere?host=HOST",
        f"postgresql://somebody:{SECRET}@127.0.0.1:1/nowhere",
        f"postgresq://somebody:{SECRET}@127.0.0.1/nowhere",
        f"postgresql://somebody:p@{SECRET}@127.0.0.1:1/nowhere",
        f"postgresql://somebody:p/{SECRET}@127.0.0.1:1/nowhere",
        f"postgresql://somebody:p?{SECRET}@127.0.0.1:1/nowhere",
        f"postgresql://127.0.0.1:{SECRET}/nowhere",
        f"host=127.0.0.1 port=1 password={SECRET} {SECRET}",
        f"host=127.0.0.1 port=1 password={SECRET}",
    ],
)
def test_no_password_is_told(server: str, url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever is wrong with a URL, the refusal says what to do and holds nothing of the password."""
    socket = make_conninfo(server).split("host=")[1].split()[0]
    code = pack("new", "books", from_database=url.replace("HOST", socket), out=tmp_path / "pack")
    told = capsys.readouterr()
    assert code == 2
    assert "the database" in told.err
    assert SECRET not in told.out + told.err
