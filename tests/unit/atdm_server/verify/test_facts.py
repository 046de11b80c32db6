"""Facts about runs, sorted by run with few of them in memory."""

import random

import pytest

from atdm_server.verify.facts import Fact, Facts


@pytest.mark.parametrize("in_memory", [1, 7, 1000])
def test_facts_come_by_run(in_memory: int) -> None:
    """However few facts are held in memory, each run comes once, in order, with all of its facts."""
    added = [Fact(f"run-{number % 37:02}", "open", f"segment {number:03}", head="ü") for number in range(200)]
    random.Random(7).shuffle(added)
    with Facts(in_memory) as facts:
        for fact in added:
            facts.add(fact)
        found = list(facts.by_run())
    assert [run_id for run_id, _ in found] == [f"run-{number:02}" for number in range(37)]
    assert sorted(fact for _, together in found for fact in together) == sorted(added)
    assert all({fact.run_id for fact in together} == {run_id} for run_id, together in found)


def test_no_facts() -> None:
    """Where nothing is known there are no runs."""
    with Facts() as facts:
        assert list(facts.by_run()) == []
