"""What may not stand in any file: emoji, paths of one machine, hosts of registries, and endless length."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import files, name_of

LONGEST = 400  # lines
READ_BY_PEOPLE = (
    ".py",
    ".md",
    ".yaml",
    ".yml",
    ".toml",
    ".html",
    ".css",
    ".ts",
    ".js",
    ".sql",
    ".sh",
    ".json",
    ".cfg",
    ".txt",
    "",
)
SOURCES = (".py", ".ts", ".js", ".sh", ".sql", ".css", ".html")
EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]")

# The names are put together here, as this file would name them otherwise.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("crates", "io"),
        ("anaconda", "org"),
    )
]
MACHINE_PATH = re.compile(r"(?<![\w.*}])/(?:work|root|home/\w+|Users/\w+|mnt/\w+)/\w")


def lines_of(path: Path) -> list[str]:
    """The lines of a file; none when it is not text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def places(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern occurs in the files that people read."""
    return [
        f"{name_of(path)}:{number}: {line.strip()[:80]}"
        for path in files(*READ_BY_PEOPLE)
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]


def test_no_emoji() -> None:
    """No file holds an emoji or a pictogram."""
    assert places(EMOJI) == []


def test_no_path_of_a_machine() -> None:
    """No file names a folder that exists on one machine only."""
    assert places(MACHINE_PATH) == []


def test_no_registry_host() -> None:
    """No file names the host of a package registry."""
    assert places(re.compile("|".join(map(re.escape, HOSTS)), re.IGNORECASE)) == []


def test_no_endless_file() -> None:
    """No source file passes 400 lines, unless its docstring gives the reason and the word "lines"."""
    long = [path for path in files(*SOURCES) if len(lines_of(path)) > LONGEST]
    assert [name_of(path) for path in long if "lines" not in _docstring(path)] == []


def _docstring(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") if path.suffix == ".py" else ""


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (EMOJI, "done \u2705", True),
        (EMOJI, "go \U0001f680", True),
        (EMOJI, "a \u2192 b, \u00e9\u00df \u2014 \u2264 \u2502", False),
        (MACHINE_PATH, "cd /" + "work/main", True),
        (MACHINE_PATH, "'/" + "home/ann/x'", True),
        (MACHINE_PATH, "the path /internal/members and framework/main, $HOME/work/x", False),
    ],
)
def test_the_nets_work(pattern: re.Pattern[str], text: str, found: bool) -> None:
    """Each net catches what it is there for, and nothing else."""
    assert bool(pattern.search(text)) is found
