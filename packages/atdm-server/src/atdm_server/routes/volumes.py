"""Volumes: asked for, and followed until they are there."""

import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import RawBody
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.types import ControllerRouterHandler

from atdm_core import Caller, errors
from atdm_core.volume_request import VolumeAccepted, VolumeProgress, VolumeRequest
from atdm_core.volume_run import VolumeRuns
from atdm_server.authorization import PRINCIPAL
from atdm_server.request_log import RUN_ID
from atdm_server.responses import AnyRequest
from atdm_server.routes.bodies import read_body
from atdm_server.routes.headers import IdempotencyKey, Invoker, RunId

__all__ = ["volume_reads", "volume_routes"]

# A server that is told to stop waits for its open answers, and is killed when they take ten seconds: before it could
# undo the volume that it makes.
_STREAM_SECONDS: Final = 5.0
_AGAIN_MILLISECONDS: Final = 100


@post(
    "/volumes",
    status_code=202,
    body=VolumeRequest,
    has_deadline=True,
    refusals=(
        errors.DomainNotFound,
        errors.ScenarioNotFound,
        errors.IdempotencyKeyReused,
        errors.StoreUnavailable,
    ),
)
async def create_volume(
    body: RawBody,
    volumes: NamedDependency[VolumeRuns],
    request: AnyRequest,
    invoker: Invoker = "unknown",
    idempotency_key: IdempotencyKey = None,
) -> VolumeAccepted:
    """Ask for a mixture of scenarios, many times over, written in one transaction. Answered when the run is open."""
    data = read_body(body, VolumeRequest)
    caller = Caller(invoker, request.scope["state"][PRINCIPAL], idempotency_key)
    accepted = await volumes.begin(data, caller)
    request.scope["state"][RUN_ID] = accepted.test_run_id
    return accepted


@get(
    "/volumes/{run_id:str}/events",
    media_type="text/event-stream",
    events=VolumeProgress,
    refusals=(errors.RunNotFound, errors.StoreUnavailable),
)
async def follow_volume(run_id: RunId, volumes: NamedDependency[VolumeRuns]) -> ServerSentEvent:
    """How far a volume has come, as server-sent events: `progress` again and again, and at last `ready` or `failed`.

    A stream ends after some seconds, whatever it has told; whoever has not heard the last word asks again.
    """
    words = volumes.follow(run_id)
    first = await anext(words)  # before the answer begins, so that a run that is not there is still a 404
    return ServerSentEvent(_events(first, words))


async def _events(first: VolumeProgress, words: AsyncIterator[VolumeProgress]) -> AsyncIterator[ServerSentEventMessage]:
    yield _event(first)
    until = time.monotonic() + _STREAM_SECONDS
    async for word in words:
        yield _event(word)
        if time.monotonic() > until:
            return


def _event(word: VolumeProgress) -> ServerSentEventMessage:
    name = "progress" if word.status == "open" else "failed" if word.error else "ready"
    return ServerSentEventMessage(data=msgspec.json.encode(word).decode(), event=name, retry=_AGAIN_MILLISECONDS)


volume_routes: list[ControllerRouterHandler] = [create_volume]
volume_reads: list[ControllerRouterHandler] = [follow_volume]
