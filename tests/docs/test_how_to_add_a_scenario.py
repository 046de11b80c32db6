"""The how-to "Add a scenario", carried out on a copy of the healthcare pack."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.docs.how_to import ROOT, Block, Checkout, checkout

PAGE = "add-a-scenario"
PACK = Path("packages", "atdm-healthcare", "src")


@pytest.fixture
def atdm(tmp_path: Path) -> Generator[Checkout]:
    """A checkout whose healthcare pack is a copy, to be changed."""
    with checkout(tmp_path / "atdm", "infra", "pyproject.toml") as atdm:
        shutil.copytree(ROOT / PACK, atdm.folder / PACK)
        atdm.environment["PYTHONPATH"] = str(atdm.folder / PACK)
        yield atdm


def test_the_scenario_of_the_page_is_tested_and_seeded(atdm: Checkout) -> None:
    """The files and commands of the page lead to two claims in PostgreSQL, the second denied, and back."""
    atdm.follow(atdm.blocks(PAGE))


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("tags:", "tag:", "Object contains unknown field `tag`"),
        ("linked_requirement_ids: [FR-010, FR-011]\n", "", "missing required field `linked_requirement_ids`"),
        ("generate_plan", "generate_plans", "generators: no generator 'generate_plans'; the pack has: generate_plan,"),
        ("requires_invalid_code", "needs_code", "validators: no validator 'domain.denial_needs_code'; the pack has: "),
        ("diagnosis_code", "diagnosis", "healthcare has no constraint 'diagnosis'; it has: member_status,"),
        (
            "status: denied",
            "status: refused",
            "claim_status cannot be refused; allowed: paid, denied, pending",
        ),
        ('"99214"', "99214", 'default_constraints: procedure_code cannot be 99214; allowed: "99213", "99214",'),
        ("{claim_status: paid}", "paid", "Expected `object`, got `str` - at `$.generators[4].arguments`"),
        (": duplicate_claim_denied", ": active_member_clean", "scenario_id 'active_member_clean' exists already"),
    ],
)
def test_mistakes_are_told_as_shown(atdm: Checkout, right: str, wrong: str, told: str) -> None:
    """Each mistake of the table makes the pack unusable with the message that stands beside it."""
    scenario = atdm.blocks(PAGE)[0]
    assert right in scenario.text
    atdm.write(Block(scenario.language, scenario.title, scenario.text.replace(right, wrong)))
    said = atdm.run('.venv/bin/python -c "from atdm_core import Registry; print(Registry().packs())"')
    assert said.startswith("({}, {'healthcare': ")
    assert "ScenarioInvalid: duplicate_claim_denied.yaml: " in said
    assert told in said
    assert told in atdm.page(PAGE)
