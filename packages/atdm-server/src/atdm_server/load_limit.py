"""Bounds on work: so many changes at once, so many that wait, and so long for each."""

import asyncio
import re
from typing import Final

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from atdm_core.errors import TooManyRequests
from atdm_server.errors import DeadlineExceeded
from atdm_server.responses import ErrorBody, ErrorContent, status_of

__all__ = ["LoadLimit"]

RETRY_AFTER: Final = 1  # seconds that a refused caller is asked to wait

# These take as long as the target, or a run, has rows. A path that is spelled another way has a deadline.
_LONG: Final = re.compile("/test-data/(baseline/snapshot|baseline/restore|reset/all|runs/[^/]+/reset)")


class LoadLimit:
    """Wraps the application: a server that is asked for more than it can do says so at once, and goes on working.

    Only changes are counted. Reads are cheap, and must work when the server is busy.
    """

    def __init__(self, app: ASGIApp, *, at_once: int, waiting: int, deadline: float) -> None:
        """`at_once` changes are served, `waiting` more may queue.

        `deadline` in seconds, from arrival to answer, for every change but resets, snapshots and restores.
        """
        self._app = app
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._deadline = deadline
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            refusal = TooManyRequests("the server is busy; send the request again a little later")
            await _refuse(refusal, send, [(b"retry-after", str(RETRY_AFTER).encode())])
            return
        self._inside += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._inside -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = False

        async def send_and_note(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        deadline = None if _LONG.fullmatch(scope["path"]) else self._deadline
        try:
            async with asyncio.timeout(deadline), self._free:
                await self._app(scope, receive, send_and_note)
        except TimeoutError:
            if answering:
                raise
            late = DeadlineExceeded(
                f"the request was not done within {self._deadline:g} s, and what it began is undone; send it again, "
                "with a new Idempotency-Key if it had one"
            )
            await _refuse(late, send, [])


async def _refuse(error: TooManyRequests | DeadlineExceeded, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    body = msgspec.json.encode(ErrorBody(ErrorContent(error.code, error.message, {})))
    headers = [*headers, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
