"""Packs: a domain as one frozen value, and the making and judging of its bundles."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from atdm_core.columns import Coded, Column, Joined, Keys, constant
from atdm_core.constraint import Constraint, check_constraints
from atdm_core.draw import Draw, RecordedSource, Seed, Source, source_of
from atdm_core.entity import Entity, Kind
from atdm_core.errors import PackInvalid, RequestError, ScenarioInvalid, ScenarioNotFound
from atdm_core.protocols import Validator
from atdm_core.rules import ReferenceRule, Rule
from atdm_core.scenario import Scenario
from atdm_core.table import Table
from atdm_core.values import Bundle, ConstraintValue, Finding, Plan

__all__ = ["Generator", "Pack", "generate", "generator", "judge"]

ONE_ROW = range(1)


class Generator(Struct, frozen=True):
    """A named function from a draw to the columns of one entity. A plain value stands for a column of that value."""

    name: str
    entity: str
    function: Callable[[Draw], Mapping[str, Column | ConstraintValue | date]]


def generator(entity: str) -> Callable[[Callable[[Draw], Mapping[str, Any]]], Generator]:
    """Make a `Generator` of a function; scenarios call it by the function's name."""
    return lambda function: Generator(function.__name__, entity, function)


class Pack(Struct, frozen=True, kw_only=True):
    """A domain. Make one with `Pack.of`, which checks that its parts fit together."""

    name: str
    version: str
    description: str
    entities: Mapping[str, Entity]
    constraints: Mapping[str, Constraint]
    generators: Mapping[str, Generator]
    validators: Mapping[str, Validator]
    scenarios: Mapping[str, Scenario]

    @classmethod
    def of(
        cls,
        name: str,
        *,
        version: str,
        description: str,
        entities: Iterable[Entity],
        constraints: Iterable[Constraint],
        generators: Iterable[Generator],
        validators: Iterable[Validator],
        scenarios: Iterable[Scenario],
    ) -> "Pack":
        """The pack of these parts; `PackInvalid` or `ScenarioInvalid`, naming the part, when they do not fit."""
        pack = cls(
            name=name,
            version=version,
            description=description,
            entities=_by_name("entity", entities, name),
            constraints=_by_name("constraint", constraints, name),
            generators=_by_name("generator", generators, name),
            validators=_by_name("validator", validators, name),
            scenarios=_by_name("scenario", scenarios, name, attribute="scenario_id"),
        )
        _check_parts(pack)
        return pack

    def scenario(self, scenario_id: str) -> Scenario:
        """The scenario of this id; `ScenarioNotFound`, listing what exists, when there is none."""
        if scenario_id not in self.scenarios:
            raise ScenarioNotFound(
                f"{self.name} has no scenario {scenario_id!r}; it has: {', '.join(self.scenarios) or 'none'}",
                scenario=scenario_id,
                known=list(self.scenarios),
            )
        return self.scenarios[scenario_id]

    def plan(
        self,
        scenario_id: str,
        constraints: Mapping[str, ConstraintValue],
        *,
        seed: Seed,
        as_of: date,
        planner_mode: str = "rule",
    ) -> Plan:
        """The plan of a scenario as it stands; `ScenarioNotFound`, `UnknownConstraint` or `InvalidConstraint`."""
        scenario = self.scenario(scenario_id)
        return Plan(
            domain=self.name,
            pack_version=self.version,
            scenario_id=scenario_id,
            planner_mode=planner_mode,
            seed=seed,
            as_of=as_of,
            constraints=self.resolve(scenario, constraints),
            steps=scenario.generators,
            validators=scenario.validators,
        )

    def resolve(self, scenario: Scenario, wanted: Mapping[str, ConstraintValue]) -> dict[str, ConstraintValue]:
        """Every constraint's value: what the request wants, else the scenario's default, else the pack's."""
        check_constraints(self.constraints, wanted, domain=self.name)
        defaults = {name: constraint.default for name, constraint in self.constraints.items()}
        return {**defaults, **scenario.default_constraints, **wanted}


def generate(pack: Pack, plan: Plan, run_id: str, *, rows: range = ONE_ROW, source: Source | None = None) -> Bundle:
    """The bundle that a plan describes: `rows` (their numbers, for shards) of every step.

    Values are a pure function of (seed, as_of, scenario, constraints, pack version, row number); keys of the run id.
    `source` replaces that of the seed. Raises `GeneratorFailed` when a generator makes what its entity does not allow,
    and `InvalidDraws` when the seed is a list of draws that do not fit.
    """
    source = source_of(plan.seed) if source is None else source
    entities = [pack.generators[step.generator].entity for step in plan.steps]
    made: dict[str, list[Table]] = {}
    for step, entity_name in zip(plan.steps, entities, strict=True):
        tables = made.setdefault(entity_name, [])
        draw = Draw(
            source,
            entity=entity_name,
            rows=rows,
            as_of=plan.as_of,
            run_id=run_id,
            constraints={**plan.constraints, **step.arguments},
            made=made,
            repeat=len(tables),
            repeats=entities.count(entity_name),
        )
        tables.append(_table(pack.generators[step.generator], pack.entities[entity_name], draw, run_id))
    if isinstance(source, RecordedSource):
        source.close()
    return Bundle(run_id, {name: tuple(tables) for name, tables in made.items()})


def judge(pack: Pack, plan: Plan, bundle: Bundle) -> tuple[Finding, ...]:
    """The findings of the plan's validators on a bundle, in order."""
    tables = bundle.whole()
    return tuple(pack.validators[name].judge(tables) for name in plan.validators)


def _table(generator: Generator, entity: Entity, draw: Draw, run_id: str) -> Table:
    made = generator.function(draw)
    rows = len(draw)
    columns = {name: _column(made[name], rows, kind) for name, kind in entity.columns.items() if name in made}
    columns |= {name: _column(value, rows) for name, value in made.items() if name not in entity.columns}
    if entity.run_column:
        columns[entity.run_column] = constant(run_id, rows)
    table = Table(entity, columns)
    entity.check(table, generator.name)
    return table


def _column(value: Any, rows: int, kind: Kind | None = None) -> Column:
    if value is None:
        return constant(None, rows) if kind is None else kind.nulls(rows)
    return value if isinstance(value, (Coded, Keys, Joined)) or hasattr(value, "dtype") else constant(value, rows)


def _by_name(kind: str, parts: Iterable[Any], pack: str, attribute: str = "name") -> dict[str, Any]:
    named: dict[str, Any] = {}
    for part in parts:
        name = getattr(part, attribute)
        if name in named:
            raise PackInvalid(f"pack {pack}: two parts are the {kind} {name!r}; give each a name of its own", pack=pack)
        named[name] = part
    return named


def _check_parts(pack: Pack) -> None:
    for entity in pack.entities.values():
        unknown = next((item for item in entity.refs().items() if item[1] not in pack.entities), None)
        if unknown:
            column, parent = unknown
            fault = f"refers to {parent!r} in {column}, which is no entity{_meant(parent, pack.entities)}"
        elif entity.key not in entity.columns:
            fault = f"has no column {entity.key!r} for its key{_meant(entity.key, entity.columns, 'entity')}"
        else:
            continue
        raise PackInvalid(f"pack {pack.name}: entity {entity.name} {fault}", pack=pack.name, entity=entity.name)
    for generator in pack.generators.values():
        if generator.entity not in pack.entities:
            raise PackInvalid(
                f"pack {pack.name}: generator {generator.name} makes {generator.entity!r}, which is no entity"
                f"{_meant(generator.entity, pack.entities)}",
                pack=pack.name,
            )
        if pack.entities[generator.entity].reference:
            raise PackInvalid(
                f"pack {pack.name}: generator {generator.name} makes {generator.entity}, whose rows all runs share",
                pack=pack.name,
            )
    for rule in pack.validators.values():
        if isinstance(rule, (Rule, ReferenceRule)):
            _check_rule(pack, rule)
    for scenario in pack.scenarios.values():
        _check_scenario(pack, scenario)


def _meant(name: str, known: Iterable[str], whose: str = "pack") -> str:
    """What there is instead, and which of it was probably meant, as the end of a sentence."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    return f"; the {whose} has: {', '.join(names) or 'none'}{f'. Did you mean {close[0]}?' if close else ''}"


def _check_rule(pack: Pack, rule: Rule | ReferenceRule) -> None:
    """A rule over something that does not exist would pass for ever."""
    known = {
        f"{name}.{column}"
        for name in rule.entities()
        if name in pack.entities
        for column in pack.entities[name].columns
    }
    unknown = [name for name in rule.entities() if name not in pack.entities]
    unknown += [column for column in rule.shows if column not in known]
    if unknown:
        raise PackInvalid(
            f"pack {pack.name}: validator {rule.name} looks at {', '.join(unknown)}, which does not exist",
            pack=pack.name,
        )


def _check_scenario(pack: Pack, scenario: Scenario) -> None:
    def refuse(key: str, fault: str) -> ScenarioInvalid:
        file = f"{scenario.scenario_id}.yaml"
        return ScenarioInvalid(f"{file}: {key}: {fault}", file=file, key=key)

    for step in scenario.generators:
        if step.generator not in pack.generators:
            raise refuse("generators", f"no generator {step.generator!r}; the pack has: {', '.join(pack.generators)}")
    for name in scenario.validators:
        if name not in pack.validators:
            raise refuse("validators", f"no validator {name!r}; the pack has: {', '.join(pack.validators)}")
    for key, constraints in [
        ("default_constraints", scenario.default_constraints),
        *(("generators", step.arguments) for step in scenario.generators),
    ]:
        try:
            check_constraints(pack.constraints, constraints, domain=pack.name)
        except RequestError as error:
            raise refuse(key, str(error)) from error
    if not scenario.generators:
        raise refuse("generators", "a scenario needs at least one step")
