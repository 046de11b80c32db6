"""The pack: its parts put together and checked."""

from importlib.resources import files

from atdm_core import Pack, load_scenarios
from atdm_healthcare.constraints import CONSTRAINTS
from atdm_healthcare.entities import ENTITIES
from atdm_healthcare.generators import GENERATORS
from atdm_healthcare.validators import VALIDATORS

__all__ = ["PACK"]

PACK = Pack.of(
    "healthcare",
    version="1.0.0",
    description="Health insurance: plans, providers, members, their eligibility and their claims.",
    entities=ENTITIES,
    constraints=CONSTRAINTS,
    generators=GENERATORS,
    validators=VALIDATORS,
    scenarios=load_scenarios(files("atdm_healthcare") / "scenarios"),
)
