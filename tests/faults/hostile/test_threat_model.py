"""The threat model names controls that are tested."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "threat-model.md"


def rows() -> list[list[str]]:
    """The cells of the table of threats."""
    table = PAGE.read_text(encoding="utf-8").partition("## Threats")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_threat_has_a_control_and_a_test() -> None:
    """Each row tells asset, threat, control and test, and no two rows tell the same threat."""
    assert len(rows()) >= 20
    assert [row for row in rows() if len(row) != 4 or not all(row)] == []
    threats = [(asset, threat) for asset, threat, _, _ in rows()]
    assert len(set(threats)) == len(threats)


def test_every_named_test_exists() -> None:
    """The test that a row names is a file of this repository, and the function that it names is in it."""
    missing: list[str] = []
    for row in rows():
        named = re.fullmatch(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row[-1])
        assert named, row
        file, function = ROOT / named[1], named[2]
        tests = {
            node.name
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8") if file.is_file() else ""))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
        }
        if not tests or (function and function not in tests):
            missing.append(row[-1])
    assert missing == []


def test_every_hostile_test_is_named() -> None:
    """No test of hostile input is without a threat that it is there for."""
    named = {row[-1].strip("`").partition("::")[0] for row in rows()}
    ours = {path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.glob("test_*.py")}
    assert ours - named == {Path(__file__).relative_to(ROOT).as_posix()}
