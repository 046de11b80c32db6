from pathlib import Path

import target_healthcare
from target_healthcare.queries import read_queries


def test_statements_are_found_by_name(tmp_path: Path) -> None:
    """Each name begins a statement, which keeps its comments; what stands before the first name is no statement."""
    path = tmp_path / "queries.sql"
    path.write_text("-- About.\n\n-- name: one\nSELECT 1\n\n-- name: two\n-- why\nSELECT\n    2\n")

    assert read_queries(path) == {"one": b"SELECT 1", "two": b"-- why\nSELECT\n    2"}


def test_every_packaged_statement_is_used() -> None:
    """No query file holds a statement that nothing asks for."""
    package = Path(target_healthcare.__file__).parent
    source = "".join(path.read_text() for path in package.rglob("*.py"))

    for path in package.rglob("queries.sql"):
        for name in read_queries(path):
            assert f'"{name}"' in source, f"{path.name}: {name}"
