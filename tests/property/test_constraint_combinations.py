"""Every combination of allowed constraints is either good for PostgreSQL, or refused by a validator with a name."""

import asyncio
from collections.abc import Generator
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atdm_core import Bundle, Finding, generate, judge
from atdm_core.ids import new_id
from atdm_core.values import ConstraintValue
from atdm_healthcare import PACK
from atdm_server.http_target import HttpTarget
from infra.local_stack import Stack

constraints = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(each.allowed or ()) for name, each in PACK.constraints.items()}
)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
scenarios = st.sampled_from(sorted(PACK.scenarios))
plain = st.sampled_from(
    sorted(name for name, each in PACK.scenarios.items() if not any(s.arguments for s in each.generators))
)
"""Scenarios whose steps have no arguments, which would stand above what a request says."""
seeds = st.integers(0, 2**53 - 1)


class Database:
    """The target's database, through the target."""

    def __init__(self, stack: Stack) -> None:
        self._runner = asyncio.Runner()
        self._target = HttpTarget(stack.target_url, stack.target_token, timeout=30)

    def takes(self, bundle: Bundle) -> int:
        """Write a bundle and take it back; the number of rows that were there."""

        async def story() -> int:
            await self._target.seed(bundle, None)
            deletion = await self._target.delete(bundle.run_id)
            return sum(deletion.deleted_counts.values())

        return self._runner.run(story())

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._target.close())
        self._runner.close()


@pytest.fixture(scope="module")
def database(stack: Stack) -> Generator[Database]:
    """The database of the stack."""
    opened = Database(stack)
    yield opened
    opened.close()


def made(
    scenario: str, wanted: dict[str, ConstraintValue], seed: int, as_of: date
) -> tuple[Bundle, tuple[Finding, ...]]:
    """The bundle that a request gets, and the findings on it."""
    plan = PACK.plan(scenario, wanted, seed=seed, as_of=as_of)
    bundle = generate(PACK, plan, new_id())
    return bundle, judge(PACK, plan, bundle)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scenario=scenarios, wanted=constraints, seed=seeds, as_of=days)
def test_combination_is_accepted_or_refused_by_name(
    database: Database, scenario: str, wanted: dict[str, ConstraintValue], seed: int, as_of: date
) -> None:
    """What passes all validators is accepted by PostgreSQL; what does not is refused with a validator's name."""
    bundle, findings = made(scenario, wanted, seed, as_of)
    broken = [finding for finding in findings if not finding.ok]
    if broken:
        assert all(finding.validator in PACK.validators and finding.details["broken_rows"] for finding in broken)
    else:
        assert database.takes(bundle) == sum(map(len, bundle.records().values()))


@settings(max_examples=200, deadline=None)
@given(scenario=scenarios, wanted=constraints, seed=seeds, as_of=days)
def test_constraints_decide_the_finding(
    scenario: str, wanted: dict[str, ConstraintValue], seed: int, as_of: date
) -> None:
    """Whether a combination is refused depends on the constraints alone, never on the seed or the day."""
    _, findings = made(scenario, wanted, seed, as_of)
    _, others = made(scenario, wanted, 0, date(2026, 7, 4))
    assert [finding.ok for finding in findings] == [finding.ok for finding in others]


@settings(max_examples=200, deadline=None)
@given(scenario=plain, wanted=constraints, seed=seeds, as_of=days)
def test_constraints_are_kept(scenario: str, wanted: dict[str, ConstraintValue], seed: int, as_of: date) -> None:
    """What was asked for stands in the rows, as it was asked for."""
    bundle, _ = made(scenario, wanted, seed, as_of)
    rows = {name: rows[0] for name, rows in bundle.records().items()}
    columns = {
        "member_status": ("member", "status"),
        "provider_network": ("provider", "network_status"),
        "eligibility_status": ("eligibility", "status"),
        "claim_status": ("claim", "status"),
        "procedure_code": ("claim", "procedure_code"),
        "diagnosis_code": ("claim", "diagnosis_code"),
    }
    for name, (entity, column) in columns.items():
        assert name not in wanted or rows[entity][column] == wanted[name]
    if wanted.get("denial_reason") is not None:
        assert rows["claim"]["denial_reason"] == wanted["denial_reason"]
    assert rows["eligibility"]["effective_from"] <= rows["eligibility"]["effective_to"]
