"""One structured line for each HTTP request. Never a body, a token or a query string."""

import logging
import sys
import time
from typing import Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from atdm_core.ids import new_id

__all__ = ["RUN_ID", "RequestLog", "configure_logging"]

RUN_ID: Final = "test_run_id"  # where a handler leaves the run that it made, in the state of the request

LONGEST: Final = 255  # characters of what a caller made up that go into a line

_log = structlog.stdlib.get_logger("atdm_server")


def configure_logging(level: str) -> None:
    """Write lines of JSON to standard error, from `level` (debug, info, warning, error) on."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=level.upper())
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class RequestLog:
    """Wraps the whole application, because the framework's own middleware never sees a 404 or a 405."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = time.perf_counter()
        request_id = new_id()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            _log.info(
                "http_request",
                request_id=request_id,
                test_run_id=scope["state"].get(RUN_ID) or _run_in(scope["path"]),
                method=scope["method"],
                path=scope["path"][:LONGEST],
                status=status,
                latency_ms=round((time.perf_counter() - started) * 1000, 3),
                invoker=_invoker(scope),
            )


def _invoker(scope: Scope) -> str:
    headers = dict(scope["headers"])
    return headers.get(b"x-atdm-invoker", b"unknown").decode("latin-1")[:LONGEST]


def _run_in(path: str) -> str | None:
    """The run that a path names: `/audit/runs/<run>`, `/test-data/runs/<run>/reset`."""
    _, found, rest = path.partition("/runs/")
    return rest.partition("/")[0][:LONGEST] if found else None
