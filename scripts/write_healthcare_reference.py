"""Write docs/reference/healthcare.md and its diagram from the healthcare pack and the target's migrations.

.venv/bin/python -m scripts.write_healthcare_reference
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import sqlglot
from sqlglot import exp

from atdm_core import (
    Day,
    Entity,
    FakeText,
    Flag,
    Instant,
    Key,
    Kind,
    OneOf,
    Ref,
    ReferenceRule,
    Rule,
    Scenario,
    Text,
    Validator,
)
from atdm_healthcare import PACK
from scripts.entity_diagram import draw_entities

__all__ = ["DIAGRAM", "PAGE", "diagram", "reference"]

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "reference" / "healthcare.md"
DIAGRAM: Final = ROOT / "docs" / "assets" / "healthcare.svg"
MIGRATIONS: Final = ROOT / "sut" / "src" / "target_healthcare" / "healthcare" / "migrations"
PLACES: Final = {
    "eligibility": (0, 2),
    "claim": (0, 12),
    "member": (1, 0),
    "provider": (1, 12),
    "procedure_code": (1, 18),
    "diagnosis_code": (1, 23),
    "plan": (2, 8),
}
INTRODUCTION: Final = """\
# The healthcare domain

<!-- Written by scripts/write_healthcare_reference.py from the pack and the migrations; do not edit. -->

The pack that ATDM comes with: health insurance. A **member** is on a **plan**, has an **eligibility** for a window of
days, and a **claim** says that a **provider** did something (a procedure code) for some reason (a diagnosis code), and
whether it was paid.

![The seven entities with their columns, and which refers to which](../assets/healthcare.svg)

Nothing can be taken for real. Names, streets and cities carry `FAKE_`, the state is `ZZ`, the postal code lies below
the lowest real one, a provider's number begins with a digit that no real one has, and text with the shape of a card, a
social security number or a valid provider number is refused wherever it stands. The pack's entities check all of it,
and the database checks the markers again.
"""
ENTITIES: Final = """\
## Entities

Every row of a run carries the run's id in `test_run_id`. Keys are made of the run's id too, so runs never collide;
every other value comes from [the seed](../explanation/how-the-draw-works.md).
"""
CONSTRAINTS: Final = """\
## Constraints

What a request can choose, with `-c name=value`, `constraints={…}` or `"constraints": {…}`. What it leaves open is set
by the scenario, else by the default below.
"""
SCENARIOS: Final = """\
## Scenarios

What a request asks for by name: one row of each entity that it makes. What a scenario does not set has the default of
its constraint.
"""
VALIDATORS: Final = """\
## Validators

What must hold across the rows of a bundle. A bundle that breaks one is refused with `VALIDATOR_REJECTED`, and nothing
is written.
"""


def main() -> None:
    """Write both files."""
    PAGE.write_text(reference(), encoding="utf-8")
    DIAGRAM.write_text(diagram(), encoding="utf-8")


def diagram() -> str:
    """The picture, as SVG."""
    return draw_entities(PACK.entities, PLACES, "The entities of the healthcare domain")


def reference() -> str:
    """The page, as Markdown."""
    statements = list(_statements())
    entities = [_entity(entity, _checks(statements, entity.name)) for entity in PACK.entities.values()]
    sections = [
        *(INTRODUCTION, ENTITIES, *entities, _shared_rows(statements)),
        *(CONSTRAINTS, _constraints()),
        *(SCENARIOS, *map(_scenario, PACK.scenarios.values())),
        *(VALIDATORS, _validators()),
    ]
    return "\n".join(sections)


def _entity(entity: Entity, checks: Mapping[str, str]) -> str:
    columns = [[f"`{name}`", _held(kind)] for name, kind in entity.columns.items()]
    if entity.run_column:
        columns.append(
            [f"`{entity.run_column}`", "null: all runs share the row" if entity.reference else "the run's id"]
        )
    lines = [f"### {entity.name}", "", *_table("column", "holds", rows=columns), ""]
    if checks:
        lines += ["The database also checks:", ""]
        lines += [*_table("constraint", "", rows=[[f"`{name}`", f"`{rule}`"] for name, rule in checks.items()]), ""]
    return "\n".join(lines)


def _held(kind: Kind) -> str:
    """What may stand in a column, as a phrase."""
    match kind:
        case Key():
            phrase = "the primary key"
        case Ref():
            phrase = f"the key of a [{kind.entity}](#{kind.entity})"
        case OneOf():
            phrase = f"{'one of ' if len(kind.allowed) > 1 else ''}{_codes(kind.allowed)}"
        case Text():
            phrase = f"text that carries `{kind.marker}`" if isinstance(kind, FakeText) else "text"
            phrase += f", in full `{kind.pattern}`" if kind.pattern else ""
        case Day():
            phrase = "a day"
        case Instant():
            phrase = "an instant (UTC, whole seconds)"
        case Flag():
            phrase = "true or false"
        case _:
            raise TypeError(f"say here what a {type(kind).__name__} column holds")
    return f"{phrase}, or null" if kind.nullable else phrase


def _shared_rows(statements: Sequence[exp.Expr]) -> str:
    """The rows that the migrations put into the reference tables."""
    lines = ["### Shared rows", "", "The codes belong to no run: no request makes one, and no reset reaches them.", ""]
    rows: list[list[str]] = []
    for insert in (statement for statement in statements if isinstance(statement, exp.Insert)):
        for row in insert.expression.find_all(exp.Tuple):
            code, description, valid = row.expressions
            told = "yes" if valid == exp.true() else "no"
            rows.append([f"`{insert.this.this.name}`", f"`{code.name}`", description.name, told])
    return "\n".join([*lines, *_table("table", "code", "description", "valid", rows=rows), ""])


def _constraints() -> str:
    rows = [
        [f"`{each.name}`", each.description, _codes(each.allowed or ()), _codes([each.default])]
        for each in PACK.constraints.values()
    ]
    return "\n".join([*_table("constraint", "what it says", "allowed", "default", rows=rows), ""])


def _scenario(scenario: Scenario) -> str:
    values = [f"`{name}={value}`" for name, value in scenario.default_constraints.items()]
    makes = [PACK.generators[step.generator].entity for step in scenario.generators]
    everything = list(scenario.validators) == list(PACK.validators)
    judges = "all validators" if everything else _codes(scenario.validators)
    return "\n".join(
        [
            *(f"### {scenario.scenario_id}", "", scenario.description, ""),
            f"- Sets {', '.join(values)}.",
            f"- Makes: {', '.join(makes)}. Judged by {judges}.",
            f"- Requirements: {', '.join(scenario.linked_requirement_ids)}.",
            f"- Tags: {', '.join(scenario.tags)}.",
            "",
        ]
    )


def _validators() -> str:
    rows = [[f"`{name}`", _rule(validator)] for name, validator in PACK.validators.items()]
    return "\n".join([*_table("validator", "rule", rows=rows), ""])


def _rule(validator: Validator) -> str:
    if not isinstance(validator, (Rule, ReferenceRule)):
        raise TypeError(f"say here what {type(validator).__name__} demands")
    return validator.message


def _codes(values: Sequence[object]) -> str:
    return ", ".join("null" if value is None else f"`{value}`" for value in values)


def _table(*heads: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _statements() -> Iterator[exp.Expr]:
    for file in sorted(MIGRATIONS.glob("*.sql")):
        yield from (each for each in sqlglot.parse(file.read_text(encoding="utf-8"), dialect="postgres") if each)


def _checks(statements: Sequence[exp.Expr], table: str) -> Mapping[str, str]:
    """The named CHECK constraints of a table, as SQL, in the order of the migrations."""
    return {
        constraint.this.name: check.this.sql("postgres")
        for statement in statements
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema)
        if statement.this.this.name == table
        for constraint in statement.find_all(exp.Constraint)
        for check in constraint.find_all(exp.CheckColumnConstraint)
    }


if __name__ == "__main__":
    main()
