"""Appending to the trail of a run that others may append to at the same time."""

from collections.abc import Callable

from atdm_core.audit import Trail
from atdm_core.errors import RunNotFound, StoreUnavailable, TrailConflict
from atdm_core.protocols import AuditLog

__all__ = ["append_events"]

ATTEMPTS = 8


async def append_events(
    log: AuditLog, run_id: str, record: Callable[[Trail], bool], known: Trail | None = None
) -> Trail | None:
    """Store what `record` appends to the run's trail, on top of whatever others appended meanwhile.

    `record` sees the trail and answers whether there is something to store; None when there is not. `known` is the
    trail as it was last seen; it is read again when somebody else has written meanwhile.
    """
    trail = known
    for _ in range(ATTEMPTS):
        trail = trail or await log.read(run_id)
        if trail is None:
            raise RunNotFound(f"no run {run_id!r}", run_id=run_id)
        if not record(trail):
            return None
        try:
            await log.append(trail.unstored())
        except TrailConflict:
            trail.forget_unstored()
            trail = None
            continue
        except BaseException:
            trail.forget_unstored()
            raise
        trail.mark_stored()
        return trail
    raise StoreUnavailable(f"run {run_id} is being written by too many at once; try again", run_id=run_id)
