"""The pools that texts are drawn from, as they were made for this version of the pack.

They are data of the pack, in order, so that a seed means the same for the life of a version, whichever mimesis is
installed; `scripts/build_healthcare_pools.py` made them.
"""

import json
from importlib.resources import files

from atdm_core import Pool

__all__ = ["CITIES", "CLINICS", "FIRST_NAMES", "LAST_NAMES", "PLANS", "PROVIDER_NUMBERS", "STREETS", "ZIPS"]

_POOLS: dict[str, list[str]] = json.loads((files("atdm_healthcare") / "pools.json").read_text(encoding="utf-8"))

CITIES = Pool(_POOLS["cities"])
CLINICS = Pool(_POOLS["clinics"])
FIRST_NAMES = Pool(_POOLS["first_names"])
LAST_NAMES = Pool(_POOLS["last_names"])
PLANS = Pool(_POOLS["plans"])
PROVIDER_NUMBERS = Pool(_POOLS["provider_numbers"])
STREETS = Pool(_POOLS["streets"])
ZIPS = Pool(_POOLS["zips"])
