"""The row that a run has in the catalog, as a function of its trail."""

from datetime import datetime
from typing import Final

import msgspec

from atdm_core.audit import Trail, run_status
from atdm_core.values import CatalogRow, Event, Plan, Request

__all__ = ["catalog_row", "expiry_of", "row_as_of_now"]

_TELL_EXPIRY: Final = frozenset({"seed_completed", "ttl_extended"})


def catalog_row(trail: Trail, token_sha256: str, answer: str = "") -> CatalogRow:
    """The row of a run whose trail has come as far as its plan. `answer`: the outcome (JSON), as far as it is known."""
    by_action = {event.action: event for event in trail.events}
    received = by_action["request_received"]
    plan = msgspec.convert(by_action["plan_resolved"].outputs["plan"], Plan)
    request = msgspec.convert(received.inputs["request"], Request)
    return CatalogRow(
        test_run_id=trail.run_id,
        request_id=received.inputs["request_id"],
        domain=plan.domain,
        scenario_id=plan.scenario_id,
        pack_version=plan.pack_version,
        status=run_status(trail.events) or "open",
        created_at=received.timestamp,
        invoker=received.invoker,
        planner_mode=plan.planner_mode,
        seed=plan.seed if isinstance(plan.seed, int) else None,
        as_of=plan.as_of,
        constraints=plan.constraints,
        cleanup_strategy=request.delivery.cleanup_strategy,
        token_sha256=token_sha256,
        answer=answer,
    )


def row_as_of_now(row: CatalogRow, trail: Trail | None) -> CatalogRow:
    """The row with the status and the end of its time that the trail tells; it was stored before both were known."""
    if trail is None:
        return row
    events = trail.events
    return msgspec.structs.replace(row, status=run_status(events) or row.status, expires_at=expiry_of(events))


def expiry_of(events: list[Event]) -> datetime | None:
    """When the run's time is up; None when it has no end."""
    told = (event.outputs["expires_at"] for event in reversed(events) if event.action in _TELL_EXPIRY)
    return msgspec.convert(next(told, None), datetime | None)
