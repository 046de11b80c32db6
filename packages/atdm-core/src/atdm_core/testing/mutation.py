"""Mutations: changes to a good bundle that one validator must reject, said by the pack's author.

    @mutation("temporal.eligibility_window_contains_claim")
    def claim_after_the_window(tables):
        return {"claim.status": "pending", "claim.submitted_at": tables["eligibility"]["effective_to"].max() + DAY}

They say what a rule means in other words than the rule does, so a rule that lost a clause no longer rejects them all.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from atdm_core.columns import constant
from atdm_core.errors import PackInvalid
from atdm_core.table import Table
from atdm_core.values import Bundle

__all__ = ["Mutation", "mutate", "mutation"]

Function = Callable[[Mapping[str, Table]], Mapping[str, Any]]


class Mutation(Struct, frozen=True):
    """What `validator` must reject: the cells that `function` sets, by "entity.column", in every row of the entity."""

    name: str
    validator: str
    function: Function


def mutation(validator: str) -> Callable[[Function], Mutation]:
    """Make a `Mutation` of a function from a bundle's tables, by entity, to what some columns are set to."""
    return lambda function: Mutation(getattr(function, "__name__", "mutation"), validator, function)


def mutate(bundle: Bundle, mutation: Mutation) -> Bundle:
    """The bundle with the mutation made; `PackInvalid` when it names a column that the bundle has not."""
    tables = dict(bundle.tables)
    for name, value in mutation.function(bundle.whole()).items():
        entity, _, column = name.partition(".")
        if entity not in tables or column not in tables[entity][0].columns:
            raise PackInvalid(f"the mutation {mutation.name} sets {name}, which the bundle does not have")
        tables[entity] = tuple(
            Table(table.entity, {**table.columns, column: constant(value, len(table))}) for table in tables[entity]
        )
    return Bundle(bundle.run_id, tables)
