from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from target_healthcare.migrations import MigrationError, migrate, read_migrations


def write(folder: Path, **files: str) -> Path:
    """Write `_0001_name="..."` as `0001_name.sql`."""
    for name, text in files.items():
        (folder / f"{name.removeprefix('_')}.sql").write_text(text)
    return folder


def run(dsn: str, folder: Path) -> list[str]:
    """Apply the folder's migrations."""
    return migrate(dsn, {"schema": read_migrations(folder)})


def test_files_are_applied_once_and_in_order(empty_database: str, tmp_path: Path) -> None:
    """A second run finds nothing to do, a new file is applied alone."""
    write(
        tmp_path, _0001_first="CREATE TABLE a (x int)", _0002_second="ALTER TABLE a ADD y int; INSERT INTO a VALUES (1)"
    )

    assert run(empty_database, tmp_path) == ["0001_first.sql", "0002_second.sql"]
    assert run(empty_database, tmp_path) == []
    write(tmp_path, _0003_third="CREATE TABLE b ()")
    assert run(empty_database, tmp_path) == ["0003_third.sql"]


def test_two_sets_count_for_themselves(empty_database: str, tmp_path: Path) -> None:
    """Each set has its own numbers."""
    first = read_migrations(write(tmp_path, _0001_a="CREATE TABLE a ()"))
    (tmp_path / "other").mkdir()
    second = read_migrations(write(tmp_path / "other", _0001_b="CREATE TABLE b ()"))

    assert migrate(empty_database, {"one": first, "two": second}) == ["0001_a.sql", "0001_b.sql"]


def test_four_runners_at_once_apply_everything_once(empty_database: str, tmp_path: Path) -> None:
    """One of several concurrent runners does the work, none fails."""
    write(tmp_path, **{f"_{number:04}_t": f"CREATE TABLE t{number} (x int)" for number in range(1, 9)})

    with ThreadPoolExecutor(4) as runners:
        applied = list(runners.map(run, [empty_database] * 4, [tmp_path] * 4))

    assert sorted(len(files) for files in applied) == [0, 0, 0, 8]


def test_a_changed_file_is_drift(empty_database: str, tmp_path: Path) -> None:
    """An applied file that was edited is refused by name, before anything new is applied."""
    run(empty_database, write(tmp_path, _0001_init="CREATE TABLE a ()"))
    write(tmp_path, _0001_init="CREATE TABLE changed ()", _0002_more="CREATE TABLE b ()")

    with pytest.raises(MigrationError, match=r"0001_init.sql differs"):
        run(empty_database, tmp_path)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('b')").fetchone() == (None,)


def test_a_removed_file_is_refused(empty_database: str, tmp_path: Path) -> None:
    """An older release does not run on a newer database."""
    run(empty_database, write(tmp_path, _0001_a="CREATE TABLE a ()", _0002_b="CREATE TABLE b ()"))
    (tmp_path / "0002_b.sql").unlink()

    with pytest.raises(MigrationError, match=r"0002_b.sql, which is not here"):
        run(empty_database, tmp_path)


def test_line_ends_are_no_drift(empty_database: str, tmp_path: Path) -> None:
    """A checkout with other line ends has the same checksums."""
    (tmp_path / "0001_a.sql").write_bytes(b"CREATE TABLE a (\n)")
    run(empty_database, tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"CREATE TABLE a (\r\n)")

    assert run(empty_database, tmp_path) == []


def test_a_failing_file_leaves_nothing(empty_database: str, tmp_path: Path) -> None:
    """A file that fails halfway is undone as a whole; the files before it stay applied."""
    write(tmp_path, _0001_a="CREATE TABLE a ()", _0002_b="CREATE TABLE b (); SELECT 1/0")

    with pytest.raises(MigrationError, match=r"0002_b.sql failed"):
        run(empty_database, tmp_path)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('a')::text, to_regclass('b')").fetchone() == ("a", None)
    write(tmp_path, _0002_b="CREATE TABLE b ()")
    assert run(empty_database, tmp_path) == ["0002_b.sql"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a", "0003_c"], r"no migration has number 0002; 0003_c.sql comes next"),
        (["0002_b"], r"no migration has number 0001"),
        (["0001_a", "0001_b"], r"0001_b.sql has the number of another file"),
        (["0001_a", "init"], r"init.sql is not named NNNN_name.sql"),
    ],
)
def test_numbers_have_neither_gaps_nor_duplicates(tmp_path: Path, names: list[str], message: str) -> None:
    """A folder whose numbers do not run from 1 is refused, naming the file."""
    write(tmp_path, **dict.fromkeys(names, "SELECT 1"))

    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there is an error that names the setting."""
    with pytest.raises(MigrationError, match="TARGET_MIGRATIONS"):
        read_migrations(tmp_path / "none")
