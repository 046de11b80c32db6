"""The suite that every pack inherits."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any, ClassVar, Protocol

from atdm_core.columns import values
from atdm_core.entity import Entity, Key
from atdm_core.lifelike import lifelike_shape
from atdm_core.pack import Pack, generate, judge
from atdm_core.testing.mutation import Mutation, mutate
from atdm_core.values import Bundle, Plan
from atdm_core.violation import set_cell, ways_to_break

__all__ = ["PackContract"]

AS_OF = (date(2024, 2, 29), date(2025, 1, 1), date(2026, 7, 4), date(2027, 12, 31))


class _Capture(Protocol):
    """What pytest's `capsys` offers to whoever has something to print."""

    def disabled(self) -> AbstractContextManager[None]:
        """A block whose output is shown."""
        ...


class PackContract:
    """Inherit it as a pytest class and name the pack: `class TestMyPack(PackContract): pack = PACK`.

    `mutations` say what its validators must reject. A validator without any must at least be seen to reject what a
    search finds to break it.
    """

    pack: ClassVar[Pack]
    mutations: ClassVar[Sequence[Mutation]] = ()

    def plan(self, scenario_id: str, *, seed: int = 7, as_of: date = AS_OF[2], **constraints: Any) -> Plan:
        """The plan of a scenario of the pack."""
        return self.pack.plan(scenario_id, constraints, seed=seed, as_of=as_of)

    def test_every_scenario_passes_its_validators(self) -> None:
        """Every scenario, with its own defaults, makes bundles that its validators accept, on awkward days too."""
        for scenario_id in self.pack.scenarios:
            for seed in range(5):
                for as_of in AS_OF:
                    plan = self.plan(scenario_id, seed=seed, as_of=as_of)
                    findings = judge(self.pack, plan, generate(self.pack, plan, "run"))
                    assert all(finding.ok for finding in findings), (scenario_id, seed, as_of, findings)

    def test_same_seed_same_values(self) -> None:
        """Two runs of one seed have equal values in every column that is not of the run, and no key in common."""
        for scenario_id in self.pack.scenarios:
            plan = self.plan(scenario_id)
            one, two = (generate(self.pack, plan, run_id) for run_id in ("one", "two"))
            assert _values(one) == _values(two)
            assert not set(one.keys().values()) & set(two.keys().values())

    def test_other_seed_other_values(self) -> None:
        """Seeds give variety: not every bundle of many seeds is the same, unless all that its rows have is keys."""
        for scenario_id in self.pack.scenarios:
            bundles = [_values(generate(self.pack, self.plan(scenario_id, seed=seed), "run")) for seed in range(8)]
            told = any(value is not None for rows in bundles[0].values() for row in rows for value in row.values())
            varied = any(bundle != bundles[0] for bundle in bundles[1:])
            assert varied or not told, f"{scenario_id} draws nothing"

    def test_shards_join_to_the_whole(self) -> None:
        """Any range of rows made alone equals the same rows of the whole."""
        for scenario_id in self.pack.scenarios:
            plan = self.plan(scenario_id)
            whole = generate(self.pack, plan, "run", rows=range(64)).records()
            shards = [generate(self.pack, plan, "run", rows=rows) for rows in (range(1), range(1, 40), range(40, 64))]
            steps = {name: len(tables) for name, tables in shards[0].tables.items()}
            for entity, rows in whole.items():
                if steps[entity] == 1:
                    assert rows == [row for shard in shards for row in shard.records()[entity]], (
                        scenario_id,
                        entity,
                    )

    def test_references_resolve(self) -> None:
        """Every reference of a bundle is null, or to a row of the bundle (itself, in a tree), or to a shared row."""
        for scenario_id in self.pack.scenarios:
            tables = generate(self.pack, self.plan(scenario_id), "run").whole()
            made = {entity: set(values(table.key_column)) for entity, table in tables.items()}
            for entity, table in tables.items():
                for column, parent in table.entity.refs().items():
                    if not self._entity(parent).reference:
                        told = set(values(table[column])) - {None}
                        assert told <= made.get(parent, set()), (scenario_id, entity, column)

    def test_nothing_looks_real(self) -> None:
        """No text of a thousand bundles could pass as a card, a social security number or a provider number."""
        for scenario_id in self.pack.scenarios:
            for table in generate(self.pack, self.plan(scenario_id), "run", rows=range(1000)).whole().values():
                for name, column in table.columns.items():
                    texts = {text for text in values(column) if isinstance(text, str)}
                    shapes = {text: shape for text in texts if (shape := lifelike_shape(text))}
                    assert not shapes, (table.entity.name, name, shapes)

    def test_every_row_carries_its_run(self) -> None:
        """Every row of an entity with a run column carries the run's id there."""
        for scenario_id in self.pack.scenarios:
            for table in generate(self.pack, self.plan(scenario_id), "run").whole().values():
                if table.entity.run_column:
                    assert set(values(table[table.entity.run_column])) == {"run"}

    def test_validators_reject_what_breaks_them(self, capsys: _Capture) -> None:
        """Every validator rejects its mutations, on the bundles of every scenario; the kill rate is printed."""
        mutants, killed, alive = Counter[str](), Counter[str](), list[str]()
        for name, validator, dead in self._mutants():
            mutants[validator] += 1
            killed[validator] += dead
            alive += [] if dead else [name]
        with capsys.disabled():
            for validator, number in mutants.items():
                sys.stdout.write(f"\n{validator}: {killed[validator]} of {number} mutants killed")
            total = mutants.total()
            sys.stdout.write(
                f"\n{self.pack.name}: kill rate {killed.total() / total:.0%} of {total}\n" if total else ""
            )
        untouched = set(self.pack.validators) - set(mutants)
        assert not untouched, f"nothing was found that {sorted(untouched)} reject: name mutations"
        assert not alive, alive

    def _mutants(self) -> Iterator[tuple[str, str, bool]]:
        """Each mutant's name, the validator that must reject it, and whether it does."""
        for scenario_id in self.pack.scenarios:
            for as_of in AS_OF:
                bundle = generate(self.pack, self.plan(scenario_id, as_of=as_of), "run")
                for each in self.mutations:
                    dead = not self.pack.validators[each.validator].judge(mutate(bundle, each).whole()).ok
                    yield f"{each.name} of {scenario_id} on {as_of}", each.validator, dead
        for validator in set(self.pack.validators) - {each.validator for each in self.mutations}:
            yield from self._found(validator)

    def _found(self, validator: str) -> Iterator[tuple[str, str, bool]]:
        for scenario_id in self.pack.scenarios:
            # A row that others refer to cannot lose its key alone.
            found = ways_to_break(self.pack, scenario_id, validator)
            for way in found or ways_to_break(self.pack, scenario_id, validator, alone=False):
                plan = self.pack.plan(scenario_id, way.constraints, seed=7, as_of=AS_OF[2])
                bundle = generate(self.pack, plan, "run")
                bundle = set_cell(bundle, way.cell) if way.cell else bundle
                dead = not self.pack.validators[validator].judge(bundle.whole()).ok
                yield f"{way} of {scenario_id}", validator, dead

    def _entity(self, name: str) -> Entity:
        return self.pack.entities[name]


def _values(bundle: Bundle) -> dict[str, list[dict[str, Any]]]:
    entities = {name: tables[0].entity for name, tables in bundle.tables.items()}
    hidden = {
        name: {
            entity.key,
            entity.run_column,
            *(c for c, parent in entity.refs().items() if parent in entities),
            *(c for c, kind in entity.columns.items() if kind.of_run or isinstance(kind, Key)),
        }
        for name, entity in entities.items()
    }
    return {
        name: [{column: value for column, value in row.items() if column not in hidden[name]} for row in rows]
        for name, rows in bundle.records().items()
    }
