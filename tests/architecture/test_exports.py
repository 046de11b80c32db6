"""What a module offers is what its `__all__` says."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, name_of, python, tree_of


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the packages: its dotted name, and its file."""
    for package, folder in PACKAGES.items():
        for path in python(folder):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


MODULES = dict(modules())
PLAIN = {name: path for name, path in MODULES.items() if path.name != "__init__.py"}
FACADES = {"atdm.pytest": "What users of the plugin import, wherever it is defined."}
"""Plain modules that pass names on, each with its reason."""
INITS = {name: path for name, path in MODULES.items() if path.name == "__init__.py"}


def exports_of(path: Path) -> list[str]:
    """The names in a module's `__all__`; a failure when it has none."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    pytest.fail(f"{name_of(path)} has no __all__: say what it offers, or [] when it offers nothing")


def defined_in(path: Path) -> dict[str, ast.stmt]:
    """The names that a module defines itself at its top level, with the statement that does."""
    found: dict[str, ast.stmt] = {}
    for node in tree_of(path).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found[node.name] = node
            case ast.Assign():
                found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case _:
                continue
    return found


@pytest.mark.parametrize("module", MODULES)
def test_exports_exist(module: str) -> None:
    """Every name in `__all__` can be had from the module, and none stands twice."""
    exports = exports_of(MODULES[module])
    loaded = importlib.import_module(module)
    assert len(set(exports)) == len(exports)
    assert [name for name in exports if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", [name for name in PLAIN if name not in FACADES])
def test_exports_are_of_the_module_s_own(module: str) -> None:
    """A plain module offers what it defines, and passes nothing on that it imported."""
    path = PLAIN[module]
    assert set(exports_of(path)) <= set(defined_in(path))


@pytest.mark.parametrize("module", PLAIN)
def test_public_names_are_exported(module: str) -> None:
    """A public function or class is in `__all__`, unless a decorator hands it to someone else."""
    path = PLAIN[module]
    public = {
        name
        for name, node in defined_in(path).items()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and not name.startswith("_")
        and not node.decorator_list
    }
    hooks = {name for name in public if name.startswith("pytest_")}  # pytest finds them by their names
    assert public - hooks <= set(exports_of(path))


@pytest.mark.parametrize("module", INITS)
def test_packages_only_pass_on(module: str) -> None:
    """An `__init__` defines nothing: it imports, and offers all that it imports and nothing else."""
    path = INITS[module]
    imported = {
        alias.asname or alias.name
        for node in tree_of(path).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES
        for alias in node.names
    }
    defined = {name for name in defined_in(path) if not name.startswith("__")}
    assert defined == set()
    assert imported <= set(exports_of(path))


def test_what_others_import_is_exported() -> None:
    """No module takes a name from another that this one does not offer."""
    taken: list[str] = []
    for path in python("packages"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES:
                offered = set(exports_of(MODULES[node.module]))
                names = {alias.name for alias in node.names if f"{node.module}.{alias.name}" not in MODULES}
                taken += [f"{name_of(path)} takes {name} from {node.module}" for name in sorted(names - offered)]
    assert taken == []


def test_every_package_is_typed() -> None:
    """Each distribution tells type checkers that it has types."""
    assert [folder for folder in PACKAGES.values() if not (ROOT / folder / "py.typed").is_file()] == []
