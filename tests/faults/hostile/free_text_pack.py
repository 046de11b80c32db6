"""A pack with a constraint that takes any text, which the healthcare pack has none of; its rows are healthcare's."""

from msgspec.structs import replace

from atdm_core import Constraint, Pack
from atdm_core.scenario import Scenario
from atdm_healthcare import PACK as HEALTHCARE

REASON = Constraint(name="denial_reason", description="Why the claim was denied, in any words.", default="none given")
AMOUNT = Constraint(name="amount", description="Any number; no row holds it.", default=1.5, type="number")
COUNT = Constraint(name="count", description="Any integer; no row holds it.", default=1, type="integer")
FREE = (REASON, AMOUNT, COUNT)


def scenario() -> Scenario:
    """A denied claim."""
    denied = HEALTHCARE.scenarios["claim_denial_active_member"]
    constraints = {name: value for name, value in denied.default_constraints.items() if name != REASON.name}
    return replace(denied, scenario_id="claim_denied_in_any_words", default_constraints=constraints)


PACK = Pack.of(
    "free_text",
    version="1.0.0",
    description="Denied claims, in any words.",
    entities=HEALTHCARE.entities.values(),
    constraints=[*(each for name, each in HEALTHCARE.constraints.items() if name != REASON.name), *FREE],
    generators=HEALTHCARE.generators.values(),
    validators=HEALTHCARE.validators.values(),
    scenarios=[scenario()],
)
