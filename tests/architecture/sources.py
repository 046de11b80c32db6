"""The files of this repository, as the rules about them see them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "atdm_core": "packages/atdm-core/src/atdm_core",
    "atdm_healthcare": "packages/atdm-healthcare/src/atdm_healthcare",
    "atdm_server": "packages/atdm-server/src/atdm_server",
    "atdm": "packages/atdm-client/src/atdm",
    "atdm_ddl": "tools/atdm-ddl/src/atdm_ddl",
}
VENDORED = ("/static/rapidoc/", "/static/pico/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files(*endings: str) -> tuple[Path, ...]:
    """Every file that git tracks or would track, but for vendored ones; only those with one of these endings."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return tuple(
        path
        for path in paths
        if path.is_file()
        and (not endings or path.suffix in endings)
        and not any(folder in path.as_posix() for folder in VENDORED)
    )


def python(*folders: str) -> tuple[Path, ...]:
    """The Python files below these folders of the repository."""
    return tuple(path for path in files(".py") if any(path.is_relative_to(ROOT / folder) for folder in folders))


def name_of(path: Path) -> str:
    """How a file is called in a message."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions_of(path: Path) -> Iterator[Function]:
    """Every function and method of a file, those inside others included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def docstrings_of(tree: ast.AST) -> set[ast.expr]:
    """The nodes that are docstrings, of names as well as of functions, classes and the module."""
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
