"""`reset_run`: take one run back, by its token, without touching any other."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from atdm_core.audit import Mark, Trail, run_status
from atdm_core.errors import ResetFailed, RunNotFound, TargetError, TokenMismatch, TrailConflict
from atdm_core.ids import check_id, same_token
from atdm_core.protocols import Order, Services
from atdm_core.values import Deletion, ResetOutcome, RunStatus

__all__ = ["ResetRun", "append_events", "wipe"]

ATTEMPTS = 8  # to append to a trail that others append to at the same time


class ResetRun:
    """Deletes a run's rows. Options: `run_id`, and `cleanup_token`, which only the one who made the request knows."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """The `ResetOutcome`. `RunNotFound`; `TokenMismatch`: recorded, nothing deleted; a `TargetError`: recorded."""
        run_id = check_id(order.options["run_id"])
        services = self._services
        row, trail = await asyncio.gather(services.catalog.find(run_id), services.log.read(run_id))
        if row is None or trail is None:
            raise RunNotFound(f"no run {run_id!r}; GET /catalog/runs lists the runs", run_id=run_id)
        if not same_token(order.options["cleanup_token"], row.token_sha256):
            await append_events(services, run_id, lambda trail: _reject(trail, order.invoker), trail)
            raise TokenMismatch(
                "this cleanup token does not belong to this run; use the one its answer carried",
                run_id=run_id,
            )
        deletion = await wipe(services, run_id, order.invoker, trail)
        if deletion is None:
            return msgspec.to_builtins(ResetOutcome(run_id=run_id, status="already_cleaned"))
        outcome = ResetOutcome(run_id=run_id, status="cleaned", deleted_counts=deletion.deleted_counts)
        return msgspec.to_builtins(outcome)


async def wipe(services: Services, run_id: str, invoker: str, known: Trail | None = None) -> Deletion | None:
    """Record that the run is being reset, delete its rows, record what came of it; None when it was clean already.

    `known`: the trail as it was read a moment ago, if it was.
    """
    started = await append_events(services, run_id, lambda trail: _start(trail, invoker), known)
    if started is None:
        return None
    try:
        deletion = await services.target.delete(run_id)
    except TargetError as error:
        failure = {"error": {"code": error.code, "message": error.message}}
        await append_events(services, run_id, lambda trail: _fail(trail, invoker, failure), started)
        error.run_id = run_id
        raise
    done = await append_events(services, run_id, lambda trail: _complete(trail, invoker, deletion), started)
    if done is not None:
        head = done.head.hex()
        await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state="cleaned", head=head))
    return deletion


async def append_events(
    services: Services, run_id: str, record: Callable[[Trail], bool], known: Trail | None = None
) -> Trail | None:
    """Store what `record` appends to the run's trail, on top of whatever others appended meanwhile.

    `record` sees the trail and answers whether there is something to store; None when there is not. `known` is the
    trail as it was last seen; it is read again when somebody else has written meanwhile.
    """
    trail = known
    for _ in range(ATTEMPTS):
        trail = trail or await services.log.read(run_id)
        if trail is None:
            raise RunNotFound(f"no run {run_id!r}", run_id=run_id)
        if not record(trail):
            return None
        try:
            await services.log.append(trail.unstored())
        except TrailConflict:
            trail = None
            continue
        trail.mark_stored()
        return trail
    raise ResetFailed(f"run {run_id} is being written by too many at once; try again", run_id=run_id)


def _status(trail: Trail) -> RunStatus | None:
    return run_status(trail.events)


def _reject(trail: Trail, invoker: str) -> bool:
    outputs = {"error": {"code": TokenMismatch.code}}
    trail.record("reset_rejected", invoker=invoker, status="rejected", outputs=outputs, reviewer_decision="rejected")
    return True


def _start(trail: Trail, invoker: str) -> bool:
    if _status(trail) == "cleaned":
        return False
    trail.record("reset_started", invoker=invoker, inputs={"strategy": "reset_run"}, tools_called=["target.delete"])
    return True


def _fail(trail: Trail, invoker: str, failure: Mapping[str, Any]) -> bool:
    if _status(trail) == "cleaned":
        return False
    trail.record("reset_failed", invoker=invoker, status="failed", outputs=failure)
    return True


def _complete(trail: Trail, invoker: str, deletion: Deletion) -> bool:
    if _status(trail) == "cleaned":
        return False
    outputs = {"strategy": "reset_run", "deleted_counts": dict(deletion.deleted_counts)}
    trail.record("reset_completed", invoker=invoker, status="cleaned", outputs=outputs)
    return True
