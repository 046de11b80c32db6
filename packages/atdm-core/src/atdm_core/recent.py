"""The runs that this process made a short while ago, as it knows them."""

from collections import OrderedDict
from typing import Final

from atdm_core.audit import Trail
from atdm_core.values import CatalogRow

__all__ = ["RecentRuns"]

MOST: Final = 256  # runs, of about 10 KB each


class RecentRuns:
    """Row and trail of the latest runs, so that to take one back need not read what was just written.

    Others may have appended to the trail since. Nobody needs to know: who appends to what is out of date is told so by
    the store, and reads it then.
    """

    def __init__(self) -> None:
        self._runs: OrderedDict[str, tuple[CatalogRow, Trail]] = OrderedDict()

    def keep(self, row: CatalogRow, trail: Trail) -> None:
        """Remember a run whose row and trail are stored; the oldest is forgotten when there are too many."""
        self._runs[row.test_run_id] = row, trail
        if len(self._runs) > MOST:
            self._runs.popitem(last=False)

    def take(self, run_id: str) -> tuple[CatalogRow, Trail] | None:
        """Row and trail of a run, once: who takes the trail may write to it."""
        return self._runs.pop(run_id, None)
