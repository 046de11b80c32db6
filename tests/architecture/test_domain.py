"""Core, server, client, tools and target serve any domain: none of them knows the first one.

The line is this. No code there, which is every name and every text that is no docstring and no example of a help, says
what only the healthcare pack says: its name, its scenarios, constraints, validators, and entities whose names are not
everyday words. Docstrings may show examples of it. The reference target bears the name `target_healthcare`; what it has
of the domain is in its folder `healthcare`. The few files that put this folder in, or show an example in a message, are
named here.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from atdm_healthcare import PACK
from tests.architecture.sources import PACKAGES, ROOT, docstrings_of, name_of, python, tree_of

DOMAIN_FOLDER = ROOT / "sut/src/target_healthcare/healthcare"
EVERYDAY = {"plan", "provider", "member", "claim"}
OWN_NAME = re.compile(r"target[_-]healthcare")
WIRING = {
    "packages/atdm-client/src/atdm/cli.py": "The help of the program shows an example.",
    "packages/atdm-client/src/atdm/constraint_words.py": "A message shows an example.",
    "packages/atdm-client/src/atdm/pytest.py": "Two messages show an example.",
    "sut/src/target_healthcare/app.py": "Adds the routes of the domain where its tables are.",
    "sut/src/target_healthcare/settings.py": "Names the migrations that count when no others are given.",
    "sut/src/target_healthcare/routes/docs.py": "The title of the page of the reference target.",
}
"""Files that may name the domain, to put the folder in or to show an example to people, each with its reason."""


def words() -> set[str]:
    """What only the pack says."""
    parts = {*PACK.scenarios, *PACK.constraints, *PACK.validators, *PACK.generators, *PACK.entities}
    return {PACK.name, *parts} - EVERYDAY


def neutral() -> Iterator[Path]:
    """The files of core, server, client, tools and target that may not know the domain."""
    folders = [folder for package, folder in PACKAGES.items() if package != "atdm_healthcare"]
    for path in python(*folders, "sut/src"):
        if not path.is_relative_to(DOMAIN_FOLDER) and name_of(path) not in WIRING:
            yield path


def said_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name and text of the code, with its line."""
    documented = docstrings_of(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=said) | ast.Attribute(attr=said) | ast.arg(arg=said) | ast.FunctionDef(name=said):
                yield node.lineno, said
            case ast.ImportFrom(module=str(said)) | ast.alias(name=said):
                yield node.lineno, said
            case ast.Constant(value=str(said)) if node not in documented and not said.startswith("Example:"):
                yield node.lineno, said
            case _:
                continue


def found_in(tree: ast.Module) -> list[str]:
    """What the code says of the domain, with its line."""
    known = re.compile(rf"(?<![A-Za-z])({'|'.join(map(re.escape, sorted(words())))})(?![A-Za-z])")
    said = ((line, OWN_NAME.sub("", text)) for line, text in said_in(tree))
    return [f"{line}: {text[:60]}" for line, text in said if known.search(text)]


def test_nobody_knows_the_first_domain() -> None:
    """No code of core, server, client, tools and target says what only the healthcare pack says."""
    found = [f"{name_of(path)}:{each}" for path in neutral() for each in found_in(tree_of(path))]
    assert found == []


def test_the_wiring_is_short_and_true() -> None:
    """Every file that may name the domain does, and says why in a sentence."""
    assert [name for name in WIRING if not found_in(tree_of(ROOT / name))] == []
    assert all(reason.endswith(".") for reason in WIRING.values())


def test_the_net_works() -> None:
    """The net catches names, imports and texts of the domain, and lets docstrings and everyday words through."""
    for code in ("import atdm_healthcare", "x = 'healthcare'", "claim_status = 1", "f('active_member_clean')"):
        assert found_in(ast.parse(code)), code
    for code in ('"""healthcare"""', "plan = 'a claim of a member'", "from target_healthcare.schema import Table"):
        assert not found_in(ast.parse(code)), code
