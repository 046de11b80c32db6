"""How long the tests of this folder may take: ATDM_FAULTS=long, which `make faults` sets, wants the long versions."""

import os
from typing import Final

__all__ = ["LONG"]

LONG: Final = os.environ.get("ATDM_FAULTS") == "long"
