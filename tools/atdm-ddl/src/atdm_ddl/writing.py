"""A drafted pack as files: a distribution with its scenario, its tests, and a README that tells what it cannot do."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from atdm_ddl.draft import Draft, EntityDraft
from atdm_ddl.keys import RUN_COLUMN, pointed_at
from atdm_ddl.meaning import POOLS, literal
from atdm_ddl.names import free_name, local, slug, spoken
from atdm_ddl.schema import ForeignKey, Order

__all__ = ["pack_files", "write_pack"]

WIDTH = 120

PYPROJECT = """\
[project]
name = "atdm-{name}"
version = "0.1.0"
description = "Test data for the tables of {name}."
requires-python = ">=3.11"
dependencies = ["atdm-core"]

[project.entry-points."atdm.packs"]
{name} = "{module}:PACK"

[build-system]
requires = ["hatchling>=1.33"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""
TEST = '''\
"""The {name} pack keeps the contract of packs."""

from atdm_core.testing import PackContract

from {module} import PACK


class Test{title}(PackContract):
    pack = PACK
'''
README = """\
# atdm-{name}

A pack for ATDM, written by `atdm pack new` from a schema of {tables} tables. It is yours: nothing writes it again.

    pip install --no-deps --editable .
    python -m pytest -q tests
    atdm request one_of_each --domain {name}

Where it says `FAKE_Amber`, say what your tests need; give the situations of your domain names under `scenarios/`.
`atdm pack check {name}` with `--ddl FILE` or `--database URL` tells what has changed in the schema since.

## What it cannot honour

{notes}
"""
NO_RULES = "VALIDATORS: tuple[Validator, ...] = ()\n"
PACK = '''\
"""The pack: its parts put together and checked."""

from importlib.resources import files

{imports}
from {module}.entities import ENTITIES
from {module}.generators import GENERATORS
from {module}.validators import VALIDATORS

__all__ = ["PACK"]

PACK = Pack.of(
    "{name}",
    version="1.0.0",
    description="The tables of {name}.",
    entities=ENTITIES,
    constraints=({constraints}),
    generators=GENERATORS,
    validators=VALIDATORS,
    scenarios=load_scenarios(files("{module}") / "scenarios"),
)
'''
CONSTRAINT = """\
        Constraint(
            name={name},
            description={description},
            allowed={allowed},
            default={default},
        ),
"""
BESIDE = '''

@validator(
    "relational.{name}",
    over={over},
    beside={beside},
    broken_when="all",
)
def {name}(row: Table, parent: Table) -> Mask:
    """The {column} of a row of {told} is that of the {parent} it refers to."""
    return row[{row}] != parent[{other}]
'''
AFTER = '''
def {name}(row: Table) -> Mask:
    """The {late} of a row of {told} {than} its {early}."""
    return {broken}
'''


@dataclass(frozen=True)
class Rule:
    """A validator: its name, its line in the tuple of them, and its function where it has one of its own."""

    name: str
    line: str
    function: str = ""


def write_pack(draft: Draft, name: str, folder: Path) -> list[Path]:
    """Write the pack into a folder, and return its files. `FileExistsError` where the folder holds something."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; name a new folder")
    written: list[Path] = []
    for path, text in pack_files(draft, name).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written


def pack_files(draft: Draft, name: str) -> dict[str, str]:
    """The text of each file, by its path in the distribution."""
    module = f"atdm_{name}"
    taken = set[str]()
    rules = [rule for entity in draft.entities for rule in _rules(entity, taken)]
    words = {"name": name, "module": module, "title": name.title().replace("_", "")}
    notes = "\n".join(_bullet(note) for note in dict.fromkeys(draft.notes)) or "Nothing that the DDL says."
    init = f'"""The {name} pack."""\n\nfrom {module}.pack import PACK\n\n__all__ = ["PACK"]\n'
    return {
        "pyproject.toml": PYPROJECT.format(**words),
        "README.md": README.format(**words, tables=len(draft.entities), notes=notes),
        f"src/{module}/__init__.py": init,
        f"src/{module}/entities.py": _entities(draft),
        f"src/{module}/generators.py": _generators(draft),
        f"src/{module}/validators.py": _validators(rules),
        f"src/{module}/pack.py": _pack(draft, name, module),
        f"src/{module}/scenarios/one_of_each.yaml": _scenario(draft, rules),
        f"tests/test_{name}.py": TEST.format(**words),
    }


def _bullet(note: str) -> str:
    return "- " + " ".join(note.split())


def _entities(draft: Draft) -> str:
    blocks: list[str] = []
    kinds = {"Entity"}
    for entity in draft.entities:
        rows = "".join(
            _fit(f"            {literal(name)}: {value.kind},") + "\n" for name, value in entity.values.items()
        )
        kinds |= {value.kind.partition("(")[0] for value in entity.values.values()}
        run = "" if RUN_COLUMN in entity.table.columns else "        run_column=None,\n"
        blocks.append(
            f"    Entity(\n        name={literal(entity.table.name)},\n        key={literal(entity.key)},\n"
            f"        columns={{\n{rows}        }},\n{run}    ),\n"
        )
    head = f'"""The tables, and what may stand in their columns."""\n\n{_import("atdm_core", kinds)}'
    return f'{head}\n__all__ = ["ENTITIES"]\n\nENTITIES = (\n{"".join(blocks)})\n'


def _generators(draft: Draft) -> str:
    values = [value for entity in draft.entities for value in entity.values.values()]
    pools = sorted({pool for value in values for pool in value.pools})
    inline = any("Pool((" in value.code for value in values)
    names = {"Draw", "Generator", "generator", *(["Pool"] if pools or inline else [])}
    text = (
        '"""How the rows of each table are made."""\n\nfrom collections.abc import Mapping\nfrom typing import Any\n\n'
    )
    text += f'{_import("atdm_core", names)}\n__all__ = ["GENERATORS"]\n'
    if pools:
        text += "\n" + "".join(f"{pool} = Pool({_tuple(map(literal, POOLS[pool]))})\n" for pool in pools)
    text += "".join(f"\n\n{_generator(entity)}" for entity in draft.entities)
    made = _lines([f"    generate_{entity.slug},\n" for entity in draft.entities])
    return f"{text}\n\nGENERATORS: tuple[Generator, ...] = ({made})\n"


def _generator(entity: EntityDraft) -> str:
    lines = [
        f"@generator({literal(entity.table.name)})",
        f"def generate_{entity.slug}(draw: Draw) -> Mapping[str, Any]:",
    ]
    lines += [f'    """A row of {spoken(entity.table.name)}."""']
    early = dict.fromkeys(order.early for order in entity.orders)
    early_first = sorted(early, key=lambda name: _depth(entity, name))
    lines += [_fit(f"    {entity.variables[name]} = {entity.values[name].code}") for name in early_first]
    lines += ["    return {"]
    for name, value in entity.values.items():
        lines.append(_fit(f"        {literal(name)}: {entity.variables[name] if name in early else value.code},"))
    return "\n".join([*lines, "    }", ""])


def _depth(entity: EntityDraft, column: str) -> int:
    """How many columns this one is made from, one from the other."""
    early = next((order.early for order in entity.orders if order.late == column), None)
    return 0 if early is None else 1 + _depth(entity, early)


def _validators(rules: list[Rule]) -> str:
    functions = [rule.function for rule in rules if rule.function]
    names = ["Validator", *(["Mask", "Table", "validator"] if functions else [])]
    names += ["references"] if len(functions) < len(rules) else []
    head = f'"""What must hold between rows, and within one."""\n\n{_import("atdm_core", names)}'
    blank = "\n\n" if functions else "\n"
    listed = f"VALIDATORS: tuple[Validator, ...] = ({_lines([rule.line for rule in rules])})\n" if rules else NO_RULES
    return f'{head}\n__all__ = ["VALIDATORS"]\n{"".join(functions)}{blank}{listed}'


def _rules(entity: EntityDraft, taken: set[str]) -> Iterator[Rule]:
    """The rules of an entity; no name of one is among those taken, which they are added to."""

    def named(*words: str) -> str:
        name = free_name(local("_".join((entity.slug, *words))), taken)
        taken.add(name)
        return name

    for column, parent in entity.parents.items():
        name = f"relational.{named(slug(column), 'exists')}"
        words = {"over": entity.table.name, "column": column, "entity": parent}
        told = ", ".join(f"{key}={literal(word)}" for key, word in words.items())
        yield Rule(name, _fit(f"    references({literal(name)}, {told}),") + "\n")
    for column, key in entity.composites:
        name = named(slug(column), "belongs_to", slug(key.table))
        yield Rule(f"relational.{name}", f"    {name},\n", _beside(entity, name, column, key))
    for order in entity.orders:
        name = named(slug(order.late), "after", slug(order.early))
        yield Rule(f"domain.{name}", f"    {name},\n", _after(entity, name, order))


def _beside(entity: EntityDraft, name: str, column: str, key: ForeignKey) -> str:
    return BESIDE.format(
        name=name,
        over=literal(entity.table.name),
        beside=literal(key.table),
        column=spoken(column),
        told=spoken(entity.table.name),
        parent=spoken(key.table),
        row=literal(column),
        other=literal(pointed_at(key, column)),
    )


def _after(entity: EntityDraft, name: str, order: Order) -> str:
    table = entity.table.name
    shown = ", ".join(literal(f"{table}.{column}") for column in (order.early, order.late))
    decorator = _fit(f"@validator({literal(f'domain.{name}')}, over={literal(table)}, shows=({shown}))")
    broken = f"row[{literal(order.late)}] {'<=' if order.strict else '<'} row[{literal(order.early)}]"
    than = "is greater than" if order.strict else "is not less than"
    words = {"late": spoken(order.late), "early": spoken(order.early), "told": spoken(table)}
    return f"\n\n{decorator}{AFTER.format(name=name, than=than, broken=broken, **words)}"


def _pack(draft: Draft, name: str, module: str) -> str:
    constraints = "".join(
        CONSTRAINT.format(
            name=literal(knob.name),
            description=literal(knob.description),
            allowed=_tuple(map(literal, knob.allowed)),
            default=literal(knob.allowed[0]),
        )
        for knob in draft.knobs
    )
    imports = _import("atdm_core", ["Pack", "load_scenarios", *(["Constraint"] if draft.knobs else [])])
    block = f"\n{constraints}    " if constraints else ""
    return PACK.format(imports=imports, name=name, module=module, constraints=block)


def _scenario(draft: Draft, rules: list[Rule]) -> str:
    steps = "".join(f"  - generate_{entity.slug}\n" for entity in draft.entities)
    listed = "".join(f"\n  - {rule.name}" for rule in rules) or " []"
    return (
        "scenario_id: one_of_each\ndescription: One row of each table, each referring to the others.\n"
        f"tags: [generated]\ngenerators:\n{steps}validators:{listed}\nlinked_requirement_ids: []\n"
    )


def _import(module: str, names: Iterable[str]) -> str:
    listed = sorted(names, key=lambda name: (name.islower(), name))
    line = f"from {module} import {', '.join(listed)}\n"
    return line if len(line) <= WIDTH else f"from {module} import (\n" + "".join(f"    {n},\n" for n in listed) + ")\n"


def _tuple(texts: Iterable[str]) -> str:
    listed = list(texts)
    return f"({listed[0]},)" if len(listed) == 1 else f"({', '.join(listed)})"


def _lines(lines: Sequence[str]) -> str:
    """The elements of a tuple that is assigned, one a line; a single one, where it fits, beside its name."""
    alone = lines[0].strip()
    if len(lines) == 1 and "\n" not in alone and len(alone) + len("GENERATORS: tuple[Generator, ...] = ()") <= WIDTH:
        return alone
    return "\n" + "".join(lines)


def _fit(line: str) -> str:
    """A line broken before what is added, or within the brackets that it ends with, where it is too long."""
    if len(line) <= WIDTH or "(" not in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    if (place := next(_places(line.strip(), " + "), None)) is not None:
        first, second = line[: len(indent) + place], line[len(indent) + place + 1 :]
        return f"{_fit(first)}\n{_fit(indent + second)}"
    opened = [place for place in _places(line, "(") if place]
    closed = line.rindex(")")
    head, inner, tail = line[: opened[-1]], line[opened[-1] + 1 : closed], line[closed + 1 :]
    if len(indent) + 4 + len(inner) <= WIDTH:
        return f"{head}(\n{indent}    {inner}\n{indent}){tail}"
    arguments = "".join(_fit(f"{indent}    {argument},") + "\n" for argument in _arguments(inner))
    return f"{head}(\n{arguments}{indent}){tail}"


def _places(line: str, mark: str) -> Iterator[int]:
    """Where the mark stands in no brackets and in no text."""
    depth, quote, place = 0, "", 0
    while place < len(line):
        letter = line[place]
        if quote:
            place += letter == "\\"
            quote = "" if letter == quote else quote
        elif depth == 0 and line.startswith(mark, place):
            yield place
            depth += mark == "("
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        place += 1


def _arguments(inner: str) -> list[str]:
    """The arguments of a call: what stands between the commas that are in no brackets and in no text."""
    (call,) = (
        node for node in ast.walk(ast.parse(f"f({inner})")) if isinstance(node, ast.Call) and not node.col_offset
    )
    spans = [*call.args, *(keyword.value for keyword in call.keywords)]
    ends = [node.end_col_offset - 2 for node in spans if node.end_col_offset is not None]
    raw, text = inner.encode(), list[str]()
    for start, end in zip([0, *ends], ends, strict=False):
        text.append(raw[start:end].decode().lstrip(", "))
    return text
