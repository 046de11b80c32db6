"""Runs: asked for, taken back, and read in the audit trail."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import RawBody
from litestar.types import ControllerRouterHandler

from atdm_core import Caller, Engine, Outcome, Request, ResetOutcome, errors
from atdm_core.audit import TrailView
from atdm_core.values import Moment
from atdm_server.authorization import PRINCIPAL
from atdm_server.metrics import measured_request, measured_strategy
from atdm_server.request_log import RUN_ID
from atdm_server.responses import AnyRequest
from atdm_server.routes.bodies import read_body
from atdm_server.routes.headers import IdempotencyKey, Invoker, RunId
from atdm_server.store import ObjectAuditLog

__all__ = ["ExtendOutcome", "ExtendRequest", "ResetRequest", "audit_routes", "request_routes", "reset_routes"]


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token that the answer to the request carried."""

    cleanup_token: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ExtendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an extension."""

    cleanup_token: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)]


class ExtendOutcome(msgspec.Struct, frozen=True):
    """Until when the run lives now."""

    run_id: str
    expires_at: Moment


@post(
    "/requests",
    status_code=200,
    body=Request,
    has_deadline=True,
    refusals=(
        errors.DomainNotFound,
        errors.ScenarioNotFound,
        errors.RequestInProgress,
        errors.UnknownConstraint,
        errors.InvalidConstraint,
        errors.InvalidDraws,
        errors.ValidatorRejected,
        errors.IdempotencyKeyReused,
        errors.LlmModeNotEnabled,
        errors.SeedFailed,
        errors.TargetUnreachable,
        errors.StoreUnavailable,
    ),
)
async def request_data(
    body: RawBody,
    engine: NamedDependency[Engine],
    request: AnyRequest,
    invoker: Invoker = "unknown",
    idempotency_key: IdempotencyKey = None,
) -> Outcome:
    """Ask for data by intent: plan, generate, validate, seed and record it, all or nothing."""
    data = read_body(body, Request)
    with measured_request(_label(engine, data)):
        caller = Caller(invoker, request.scope["state"][PRINCIPAL], idempotency_key)
        outcome = await engine.request(data, caller)
    request.scope["state"][RUN_ID] = outcome.test_run_id
    return outcome


@post(
    "/runs/{run_id:str}/reset",
    status_code=200,
    body=ResetRequest,
    refusals=(
        errors.TokenMismatch,
        errors.RunNotFound,
        errors.ResetFailed,
        errors.TargetUnreachable,
        errors.StoreUnavailable,
    ),
)
async def reset_run(
    run_id: RunId,
    body: RawBody,
    engine: NamedDependency[Engine],
    invoker: Invoker = "unknown",
) -> ResetOutcome:
    """Take one run back, with the token its answer carried. Repeating it is harmless."""
    data = read_body(body, ResetRequest)
    with measured_strategy("reset_run"):
        return await engine.reset(run_id, data.cleanup_token, invoker)


@post(
    "/runs/{run_id:str}/extend",
    status_code=200,
    body=ExtendRequest,
    has_deadline=True,
    refusals=(
        errors.TokenMismatch,
        errors.RunNotFound,
        errors.RunGone,
        errors.TargetUnreachable,
        errors.StoreUnavailable,
    ),
)
async def extend_run(
    run_id: RunId,
    body: RawBody,
    engine: NamedDependency[Engine],
    invoker: Invoker = "unknown",
) -> ExtendOutcome:
    """Let a run live so many seconds from now, by the target's clock; when that is over, its rows are removed."""
    data = read_body(body, ExtendRequest)
    expires_at = await engine.extend(run_id, data.cleanup_token, data.ttl_seconds, invoker)
    return ExtendOutcome(run_id, expires_at)


@get(
    "/runs/{run_id:str}",
    response_headers=[
        ResponseHeader(name="x-audit-source", description="Where the trail is stored.", documentation_only=True)
    ],
    refusals=(errors.RunNotFound, errors.StoreUnavailable),
)
async def read_trail(
    run_id: RunId, engine: NamedDependency[Engine], log: NamedDependency[ObjectAuditLog]
) -> Response[TrailView]:
    """The audit trail of a run: its plan, decisions, records, and every event."""
    trail = await engine.trail(run_id)
    return Response(trail, headers={"x-audit-source": log.url(run_id)})


request_routes: list[ControllerRouterHandler] = [request_data]
reset_routes: list[ControllerRouterHandler] = [reset_run, extend_run]
audit_routes: list[ControllerRouterHandler] = [read_trail]


def _label(engine: Engine, request: Request) -> str:
    """The scenario, unless the caller made it up: a name that does not exist must not become a time series."""
    packs, _ = engine.registry.packs()
    return request.scenario if any(request.scenario in pack.scenarios for pack in packs.values()) else "unknown"
