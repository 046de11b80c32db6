"""How a validator can be made to reject: constraints set otherwise, or one cell of a good bundle changed.

The search tries what the pack itself says is possible (allowed values, kinds of columns) on one bundle, and keeps what
breaks exactly the rule that is wanted. It knows no domain and needs no words of the pack's author.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Final

import numpy as np
from msgspec import Struct, field

from atdm_core.columns import Coded, Column, Pool, values
from atdm_core.entity import Day, Entity, Instant, Integer, Number, OneOf, Ref, Text
from atdm_core.pack import Pack, generate
from atdm_core.rules import ReferenceRule, Rule
from atdm_core.table import Table
from atdm_core.values import Bundle, ConstraintValue, Plan

__all__ = ["FARTHEST", "PROBE_DAY", "Cell", "Way", "broken_rules", "set_cell", "ways_to_break"]

FARTHEST: Final = 4000
"""How far a day, an instant (in days) or an integer is moved at most."""

PROBE_DAY: Final = date(2026, 7, 4)
"""The day of a bundle that is only tried."""
NO_SUCH_ROW: Final = "no-such-row"


class Cell(Struct, frozen=True):
    """A change of one cell: a text put in, or a day or number moved up (+1) or down (-1) by some amount.

    `step` is which of the plan's steps for the entity (0-based) made the row.
    """

    entity: str
    step: int
    column: str
    text: str | None = None
    direction: int = 0

    def __str__(self) -> str:
        return f"{self.entity}.{self.column}"


class Way(Struct, frozen=True):
    """One way to break a rule."""

    constraints: Mapping[str, ConstraintValue] = field(default_factory=dict[str, ConstraintValue])
    cell: Cell | None = None


def broken_rules(pack: Pack, plan: Plan, bundle: Bundle, others: Sequence[str] = ()) -> list[str]:
    """The validators of the plan, and `others` of the pack, that reject a bundle."""
    tables = bundle.whole()
    names = dict.fromkeys((*plan.validators, *others))
    return [name for name in names if not pack.validators[name].judge(tables).ok]


def ways_to_break(
    pack: Pack,
    scenario_id: str,
    rule: str,
    fixed: Mapping[str, ConstraintValue] | None = None,
    *,
    alone: bool = True,
) -> Sequence[Way]:
    """The ways that break this rule and, if `alone`, no other; empty when none was found. `fixed` constraints stay.

    Two constraints are changed together only where changing one does not do.
    """
    fixed = fixed or {}
    plan = pack.plan(scenario_id, fixed, seed=0, as_of=PROBE_DAY)
    if not _is_judged(pack, plan, rule):
        return []
    knobs = [
        {name: value}
        for name, constraint in pack.constraints.items()
        for value in constraint.allowed or ()
        if name not in fixed and value != plan.constraints[name]
    ]
    cells = list(_cells(pack, plan, rule))
    tries = [Way(knob) for knob in knobs] + [Way(cell=cell) for cell in cells]
    found = [way for way in tries if _breaks(pack, plan, way, rule, alone=alone)]
    if not found:
        pairs = [Way({**one, **two}) for one, two in combinations(knobs, 2) if one.keys() != two.keys()]
        pairs += [Way(knob, cell) for knob in knobs for cell in cells]
        found = [way for way in pairs if _breaks(pack, plan, way, rule, alone=alone)]
    return found


def set_cell(bundle: Bundle, cell: Cell, *, by: int = FARTHEST) -> Bundle:
    """The bundle with the cell changed in the first row of its step; a day or number by `by`."""
    tables = list(bundle.tables[cell.entity])
    table = tables[cell.step]
    column = _changed(table[cell.column], cell, by)
    tables[cell.step] = Table(table.entity, {**table.columns, cell.column: column})
    return Bundle(bundle.run_id, {**bundle.tables, cell.entity: tuple(tables)})


def _breaks(pack: Pack, plan: Plan, way: Way, rule: str, *, alone: bool) -> bool:
    wanted = pack.plan(plan.scenario_id, {**plan.constraints, **way.constraints}, seed=plan.seed, as_of=plan.as_of)
    bundle = generate(pack, wanted, "probe")
    if way.cell:
        bundle = set_cell(bundle, way.cell)
    broken = broken_rules(pack, plan, bundle, [rule])
    return broken == [rule] or (rule in broken and not alone)


def _is_judged(pack: Pack, plan: Plan, rule: str) -> bool:
    """Whether the plan makes what the rule looks at; without it every bundle passes."""
    validator, made = pack.validators[rule], {pack.generators[step.generator].entity for step in plan.steps}
    match validator:
        case Rule():
            return made >= set(validator.entities())
        case ReferenceRule():
            return validator.over in made
        case _:
            return True


def _cells(pack: Pack, plan: Plan, rule: str) -> Iterator[Cell]:
    made = Counter(pack.generators[step.generator].entity for step in plan.steps)
    validator = pack.validators[rule]
    judged = validator.entities() if isinstance(validator, (Rule, ReferenceRule)) else made
    for name in judged:
        for step in range(made[name]):
            yield from _cells_of(pack, pack.entities[name], step)


def _cells_of(pack: Pack, entity: Entity, step: int) -> Iterator[Cell]:
    for column, kind in entity.columns.items():
        match kind:
            case OneOf():
                yield from (Cell(entity.name, step, column, text) for text in kind.allowed)
            case Ref() if not pack.entities[kind.entity].reference:
                yield Cell(entity.name, step, column, NO_SUCH_ROW)
            case Day() | Instant() | Integer() | Number():
                yield from (Cell(entity.name, step, column, direction=direction) for direction in (1, -1))
            case Text() if kind.nullable:
                yield Cell(entity.name, step, column)
            case _:
                pass


def _changed(column: Column, cell: Cell, by: int) -> Column:
    if cell.direction and isinstance(column, np.ndarray):
        moved = column.copy()
        amount = cell.direction * by
        moved[0] += np.timedelta64(amount, "D") if column.dtype.kind == "M" else amount
        return moved
    texts = [cell.text, *values(column)[1:]]
    pool = list(dict.fromkeys(texts))
    return Coded(np.array([pool.index(text) for text in texts], dtype=np.int64), Pool(pool))
