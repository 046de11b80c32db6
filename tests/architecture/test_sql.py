"""SQL lives in the target, in files or as trees. Three nets: imports, literals, and formatted text in the target."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import docstrings_of, files, name_of, python, tree_of

DRIVERS = {
    "adbc_driver_postgresql",
    "aiosqlite",
    "asyncpg",
    "duckdb",
    "mysql",
    "pg8000",
    "pgpq",
    "psycopg",
    "psycopg2",
    "psycopg_pool",
    "pymysql",
    "sqlalchemy",
    "sqlglot",
    "sqlite3",
    "sqlmodel",
}
SQL = re.compile(
    r"""
    \b(
        SELECT\s[\s\S]+?\sFROM\s
      | SELECT\s+\w+\(
      | INSERT\s+INTO\s
      | UPDATE\s+[\w."]+\s+SET\s
      | DELETE\s+FROM\s
      | TRUNCATE\s+(TABLE\s+)?[\w."]
      | (CREATE|ALTER|DROP)\s+(UNIQUE\s+)?(TABLE|INDEX|SCHEMA|DATABASE|VIEW|SEQUENCE|DOMAIN|TYPE|FUNCTION)\b
      | COPY\s+[\w."(, )]+\s+(FROM|TO)\s
      | WITH\s+\w+\s+AS\s*\(
    )
    """,
    re.VERBOSE,
)
"""Statements in capitals, as everybody here writes them; prose says "update" and "select" too."""


def literals_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text in a file that is no docstring, with its line; of a formatted one the fixed parts together."""
    docstrings = docstrings_of(tree)
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, _fixed(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings | inside:
            yield node.lineno, node.value


def _fixed(text: ast.JoinedStr) -> str:
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "x" for part in text.values
    )


def imported_by(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_no_driver_in_packages() -> None:
    """No file below packages/ imports a database driver or an SQL library."""
    assert {name_of(path): found for path in python("packages") if (found := imported_by(path) & DRIVERS)} == {}


def test_no_driver_is_a_dependency_of_packages() -> None:
    """No distribution below packages/ asks for a database driver."""
    projects = [path for path in files(".toml") if name_of(path).startswith("packages/")]
    named = {
        name_of(path): set(re.findall(r'"([\w-]+)[\[><=~!" ]', path.read_text(encoding="utf-8"))) for path in projects
    }
    assert len(projects) == 4
    assert {name: found for name, found in named.items() if {each.replace("-", "_") for each in found} & DRIVERS} == {}


def test_no_sql_in_packages() -> None:
    """No text below packages/ is a statement, and no file there is an SQL file."""
    found = [
        f"{name_of(path)}:{line}: {text[:60]!r}"
        for path in python("packages")
        for line, text in literals_of(tree_of(path))
        if SQL.search(text)
    ]
    assert found == []
    assert [name_of(path) for path in files(".sql") if name_of(path).startswith("packages/")] == []


def test_no_formatted_sql_in_the_target() -> None:
    """In the target no statement is put together from text: not by f-strings, by `%`, by `+` or by format()."""
    found: list[str] = []
    for path in python("sut/src"):
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.JoinedStr() if any(isinstance(part, ast.FormattedValue) for part in node.values):
                    texts = [_fixed(node)]
                case (
                    ast.BinOp(op=ast.Mod() | ast.Add())
                    | ast.Call(func=ast.Attribute(value=ast.Constant(), attr="format"))
                ):
                    texts = [text for _, text in literals_of(node)]
                case _:
                    continue
            found += [f"{name_of(path)}:{node.lineno}: {text[:60]!r}" for text in texts if SQL.search(text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM plan ",
        "SELECT a,\n b\nFROM plan p",
        "SELECT now()",
        "INSERT INTO plan VALUES (1)",
        'UPDATE "plan" SET name = 1 ',
        "DELETE FROM plan WHERE true",
        "TRUNCATE plan",
        "CREATE TABLE x (y int)",
        "DROP INDEX x",
        "COPY plan (a, b) FROM STDIN",
        "WITH gone AS (SELECT 1)",
    ],
)
def test_the_net_catches_statements(text: str) -> None:
    """The net for literals catches the statements that it is there for, in plain and in formatted text."""
    for source in (f"x = {text!r}", f"x = f{text!r}", f"def f():\n '''Doc.'''\n return {text!r}"):
        assert any(SQL.search(found) for _, found in literals_of(ast.parse(source)))


def test_the_net_lets_prose_through() -> None:
    """Sentences and docstrings are no statements."""
    source = (
        "'''SELECT a FROM b'''\nx = 'update the table, select a row from it, or delete from here'\n'''DROP TABLE x'''"
    )
    assert not any(SQL.search(found) for _, found in literals_of(ast.parse(source)))
