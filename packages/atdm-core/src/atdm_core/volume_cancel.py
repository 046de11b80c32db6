"""Taking back a volume that is still being made: who is asked decides it, and who makes it finds that and gives up.

The decision is the run object, as ever: once it says that the run is rolled back, a load that commits all the same is
wiped by whoever settles the run. Nobody waits here for the target, which may be in the midst of the load.
"""

import asyncio

from atdm_core.audit import CANCEL
from atdm_core.errors import TrailConflict
from atdm_core.protocols import Services
from atdm_core.recovery import Recovery
from atdm_core.reset import CANCELLED, require_token
from atdm_core.volume_request import SCENARIO

__all__ = ["cancel_volume"]


async def cancel_volume(services: Services, recovery: Recovery, run_id: str, token: str, invoker: str) -> bool:
    """Decide that an open volume is rolled back; False where there is none, or it has just been decided.

    Raises `TokenMismatch`: recorded, and the volume goes on; a `StoreError` where nothing could be decided.
    """
    row, trail = await asyncio.gather(services.catalog.find(run_id), services.log.read(run_id))
    if row is None or row.scenario_id != SCENARIO or trail is not None:
        return False
    await require_token(services, row, None, token, invoker, action=CANCEL)
    draft = await recovery.draft(run_id)
    if draft is None:
        return False
    cause = {"code": CANCELLED, "message": f"{invoker} cancelled the volume before its rows were there"}
    draft.record("seed_failed", invoker=invoker, status="rolled_back", outputs={"error": cause})
    try:
        await services.log.append(draft.unstored())
    except TrailConflict:
        return False
    return True
