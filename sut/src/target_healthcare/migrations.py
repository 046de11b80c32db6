"""The migration runner: SQL files `NNNN_name.sql`, applied once, in order, each in a transaction of its own.

What was applied is remembered with its checksum, so a file that is edited afterwards is found out. Any number
of runners may start together: an advisory lock lets one work while the others wait and find nothing to do.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import msgspec
import psycopg

LEDGER_MIGRATIONS = Path(__file__).parent / "ledger" / "migrations"

_MIGRATION_LOCK = 0x7461726765746D69
_CONNECT_SECONDS = 10
_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migration (
    set_name text NOT NULL,
    number integer NOT NULL,
    file_name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (set_name, number)
)
"""
_READ_HISTORY = "SELECT number, file_name, sha256 FROM schema_migration WHERE set_name = %s ORDER BY number"
_RECORD = "INSERT INTO schema_migration (set_name, number, file_name, sha256) VALUES (%s, %s, %s, %s)"


class MigrationError(Exception):
    """The migrations cannot be applied; the message names the file and says what to do."""


class Migration(msgspec.Struct, frozen=True, dict=True):
    """One migration file."""

    number: int
    file_name: str
    sql: bytes

    @cached_property
    def sha256(self) -> str:
        """The checksum that the history keeps."""
        return hashlib.sha256(self.sql).hexdigest()


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """Read a folder's `.sql` files in order; `MigrationError` on a gap, a duplicate or a strange name."""
    if not folder.is_dir():
        raise MigrationError(f"there is no folder {folder}; set TARGET_MIGRATIONS to one with NNNN_name.sql files")
    migrations: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_name.sql, like 0001_init.sql; rename it")
        # A checkout may have rewritten the line ends; that is no change.
        migrations.append(Migration(int(match[1]), path.name, path.read_bytes().replace(b"\r\n", b"\n")))
    for expected, migration in enumerate(migrations, start=1):
        if migration.number < expected:
            raise MigrationError(f"{migration.file_name} has the number of another file; give it {expected:04}")
        if migration.number > expected:
            raise MigrationError(f"no migration has number {expected:04}; {migration.file_name} comes next")
    return tuple(migrations)


def migrate(database_url: str, sets: Mapping[str, tuple[Migration, ...]]) -> list[str]:
    """Apply what is missing, set by set, and return the names of the applied files.

    Raises `MigrationError` when a file fails or an applied one was changed or removed, and
    `psycopg.OperationalError` when the database cannot be reached.
    """
    applied: list[str] = []
    with psycopg.connect(database_url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        connection.execute(_CREATE_HISTORY)
        for set_name, migrations in sets.items():
            for migration in _missing(connection, set_name, migrations):
                _apply(connection, set_name, migration)
                applied.append(migration.file_name)
    return applied


def _missing(
    connection: psycopg.Connection[tuple[object, ...]], set_name: str, migrations: tuple[Migration, ...]
) -> tuple[Migration, ...]:
    history = connection.execute(_READ_HISTORY, [set_name]).fetchall()
    for row, migration in zip(history, migrations, strict=False):
        if row != (migration.number, migration.file_name, migration.sha256):
            raise MigrationError(
                f"{migration.file_name} differs from {row[1]}, which this database has applied; "
                "restore the file and put the change into a new migration"
            )
    if len(history) > len(migrations):
        missing = history[len(migrations)][1]
        raise MigrationError(f"this database has applied {missing}, which is not here; use the release that has it")
    return migrations[len(history) :]


def _apply(connection: psycopg.Connection[tuple[object, ...]], set_name: str, migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.sql)
            # A dump of pg_dump empties the search path for the rest of the session.
            connection.execute("RESET ALL")
            connection.execute(_RECORD, [set_name, migration.number, migration.file_name, migration.sha256])
    except psycopg.Error as error:
        raise MigrationError(f"{migration.file_name} failed and left nothing behind: {error}") from error
