"""The core of ATDM: what pack authors and servers build on.

A pack is made of `Entity`, `Constraint`, `generator`, `validator`, `references` and `load_scenarios`, put together by
`Pack.of`. A server puts an `Engine` behind its routes. See docs/ for both.
"""

from atdm_core.columns import Coded, Column, Joined, Keys, Mask, Pool, days
from atdm_core.constraint import Constraint
from atdm_core.draw import Draw, SeededSource, Source
from atdm_core.engine import Engine
from atdm_core.entity import Day, Entity, FakeText, Flag, Instant, Integer, Json, Key, Kind, Number, OneOf, Ref, Text
from atdm_core.errors import AtdmError
from atdm_core.pack import Generator, Pack, generate, generator, judge
from atdm_core.protocols import (
    AuditLog,
    Brief,
    Catalog,
    Claims,
    Order,
    Planner,
    Services,
    Strategy,
    Target,
    Validator,
)
from atdm_core.registry import Registry
from atdm_core.rules import ReferenceRule, Rule, references, validator
from atdm_core.scenario import Scenario, load_scenarios
from atdm_core.table import Table
from atdm_core.values import (
    Bundle,
    Caller,
    Delivery,
    Event,
    Finding,
    Outcome,
    Plan,
    Request,
    ResetOutcome,
    Step,
)

__all__ = [
    "AtdmError",
    "AuditLog",
    "Brief",
    "Bundle",
    "Caller",
    "Catalog",
    "Claims",
    "Coded",
    "Column",
    "Constraint",
    "Day",
    "Delivery",
    "Draw",
    "Engine",
    "Entity",
    "Event",
    "FakeText",
    "Finding",
    "Flag",
    "Generator",
    "Instant",
    "Integer",
    "Joined",
    "Json",
    "Key",
    "Keys",
    "Kind",
    "Mask",
    "Number",
    "OneOf",
    "Order",
    "Outcome",
    "Pack",
    "Plan",
    "Planner",
    "Pool",
    "Ref",
    "ReferenceRule",
    "Registry",
    "Request",
    "ResetOutcome",
    "Rule",
    "Scenario",
    "SeededSource",
    "Services",
    "Source",
    "Step",
    "Strategy",
    "Table",
    "Target",
    "Text",
    "Validator",
    "days",
    "generate",
    "generator",
    "judge",
    "load_scenarios",
    "references",
    "validator",
]
