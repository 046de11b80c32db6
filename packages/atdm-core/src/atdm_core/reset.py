"""`reset_run`: take one run back, by its token, without touching any other."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from atdm_core.audit import Mark, Trail, run_status
from atdm_core.errors import RunNotFound, TargetError, TargetUnreachable, TokenMismatch
from atdm_core.ids import check_id, same_token
from atdm_core.protocols import Order, Services
from atdm_core.run_events import append_events
from atdm_core.values import CatalogRow, Deletion, ResetOutcome, Residue

__all__ = ["CANCELLED", "GONE", "ResetRun", "authorize", "finish_reset", "require_token", "residue_of", "start_reset"]

GONE = frozenset({"cleaned", "expired"})
"""The states of a run whose rows have been taken back."""
CANCELLED = "CANCELLED"
"""The code of the failure of a run that was taken back before its rows were there."""


class ResetRun:
    """Deletes a run's rows. Options: `run_id`, and `cleanup_token`, which only the one who made the request knows."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def apply(self, order: Order) -> Mapping[str, Any]:
        """The `ResetOutcome`. `RunNotFound`; `TokenMismatch`: recorded, nothing deleted; a `TargetError`: recorded."""
        run_id = check_id(order.options["run_id"])
        token, known = order.options["cleanup_token"], self._services.recent.take(run_id)
        trail = await authorize(self._services, run_id, token, order.invoker, action="reset", known=known)
        # A cancelled run has no rows, and its target may still be giving up the transaction that would have made them.
        deletion = None if _is_cancelled(trail) else await _wipe(self._services, trail, order.invoker)
        if deletion is None:
            return msgspec.to_builtins(ResetOutcome(run_id=run_id, status="already_cleaned"))
        outcome = ResetOutcome(
            run_id=run_id, status="cleaned", deleted_counts=deletion.deleted_counts, residue=deletion.residue
        )
        return msgspec.to_builtins(outcome)


async def authorize(
    services: Services,
    run_id: str,
    token: str,
    invoker: str,
    *,
    action: str,
    known: tuple[CatalogRow, Trail] | None = None,
) -> Trail:
    """The trail of a decided run, for the holder of its token. `known`: row and trail, where they need not be read.

    `RunNotFound`; `TokenMismatch`, which is recorded as `<action>_rejected`.
    """
    row, trail = known or await asyncio.gather(services.catalog.find(run_id), services.log.read(run_id))
    if row is None or trail is None:
        raise RunNotFound(f"no run {run_id!r}; GET /catalog/runs lists the runs", run_id=run_id)
    await require_token(services, row, trail, token, invoker, action=action)
    return trail


async def require_token(
    services: Services, row: CatalogRow, trail: Trail | None, token: str, invoker: str, *, action: str
) -> None:
    """Raise `TokenMismatch` unless the token is the run's, and record that.

    A run that is still open has no trail yet: of it the process log alone can tell.
    """
    if same_token(token, row.token_sha256):
        return
    run_id = row.test_run_id
    if trail is not None:
        await append_events(services.log, run_id, lambda trail: _reject(trail, invoker, action), trail)
    await services.log.note(Mark(kind="denied", run_id=run_id, at=services.clock(), invoker=invoker, state=action))
    raise TokenMismatch("this cleanup token does not belong to this run; use the one its answer carried", run_id=run_id)


async def start_reset(services: Services, trail: Trail, invoker: str) -> Trail | None:
    """Record that the run is being reset; its trail, or None when its rows have been taken back already.

    `trail` is the run's as it was read a moment ago. Once both mark and start are stored, a reset that is cut off is
    finished by whoever finds its mark.
    """
    if run_status(trail.events) in GONE:
        return None
    run_id = trail.run_id
    mark = Mark(kind="open", run_id=run_id, at=services.clock(), invoker=invoker, state="resetting")
    _, started = await asyncio.gather(
        services.log.note(mark), append_events(services.log, run_id, lambda t: _start(t, invoker), trail)
    )
    if started is None:
        await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state="kept"))
    return started


async def _wipe(services: Services, trail: Trail, invoker: str) -> Deletion | None:
    """Record that the run is being reset, delete its rows, record what came of it; None when others have done so."""
    started = await start_reset(services, trail, invoker)
    if started is None:
        return None
    run_id = started.run_id
    try:
        return await finish_reset(services, started, invoker)
    except TargetError as error:
        failure = {"error": {"code": error.code, "message": error.message, "details": dict(error.details)}}
        await append_events(services.log, run_id, lambda t: _fail(t, invoker, failure), started)
        if not isinstance(error, TargetUnreachable):  # else nobody knows what it did, and recovery ends what was begun
            await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state="kept"))
        error.run_id = run_id
        raise


async def finish_reset(services: Services, started: Trail, invoker: str) -> Deletion | None:
    """Delete the rows of a run whose reset is recorded as started, and record that; a `TargetError` is not recorded.

    None when another reset, or the reaper, was quicker to record the end of the run.
    """
    run_id = started.run_id
    deletion = await services.target.delete(run_id)
    deletion = msgspec.structs.replace(deletion, residue=residue_of(started, deletion))
    done = await append_events(services.log, run_id, lambda t: _complete(t, invoker, deletion), started)
    head = done and done.head.hex()
    await services.log.note(Mark(kind="close", run_id=run_id, at=services.clock(), state="cleaned", head=head))
    return deletion if done else None


def residue_of(trail: Trail, deletion: Deletion) -> Sequence[Residue]:
    """What the system under test put under a run: what the target found, and rows of the run that nobody seeded."""
    receipt = next((event.outputs for event in trail.events if event.action == "seed_completed"), None)
    if receipt is None or "records_created" not in receipt:  # of a volume's rows nobody kept a list
        return deletion.residue
    seeded = {(record["table_name"], record["primary_key"]) for record in receipt["records_created"]}
    created = [
        Residue(table=table, key=key, reason="created_under", deleted=True)
        for table, keys in deletion.deleted_keys.items()
        for key in keys
        if not any((table, value) in seeded for value in key.values())
    ]
    return [*deletion.residue, *created]


def _is_cancelled(trail: Trail) -> bool:
    failed = next((event for event in trail.events if event.action == "seed_failed"), None)
    return failed is not None and failed.outputs["error"]["code"] == CANCELLED


def _reject(trail: Trail, invoker: str, action: str) -> bool:
    outputs = {"error": {"code": TokenMismatch.code}}
    trail.record(
        f"{action}_rejected", invoker=invoker, status="rejected", outputs=outputs, reviewer_decision="rejected"
    )
    return True


def _start(trail: Trail, invoker: str) -> bool:
    if run_status(trail.events) in GONE:
        return False
    trail.record("reset_started", invoker=invoker, inputs={"strategy": "reset_run"}, tools_called=["target.delete"])
    return True


def _fail(trail: Trail, invoker: str, failure: Mapping[str, Any]) -> bool:
    if run_status(trail.events) in GONE:
        return False
    trail.record("reset_failed", invoker=invoker, status="failed", outputs=failure)
    return True


def _complete(trail: Trail, invoker: str, deletion: Deletion) -> bool:
    if run_status(trail.events) in GONE:
        return False
    outputs = {
        "strategy": "reset_run",
        "deleted_counts": dict(deletion.deleted_counts),
        "residue": msgspec.to_builtins(deletion.residue),
    }
    trail.record("reset_completed", invoker=invoker, status="cleaned", outputs=outputs)
    return True
