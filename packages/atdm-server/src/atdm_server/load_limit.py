"""Bounds on work: so many changes at once, so many that wait, and so long for each."""

import asyncio
from typing import Final

import msgspec
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from atdm_server.errors import DeadlineExceeded, TooManyRequests
from atdm_server.responses import ErrorBody, ErrorContent, status_of

__all__ = ["LoadLimit"]

RETRY_AFTER: Final = 1  # seconds that a refused caller is asked to wait

# These take as long as the target has rows. A path that is spelled another way has a deadline.
_LONG: Final = frozenset({"/test-data/baseline/snapshot", "/test-data/baseline/restore", "/test-data/reset/all"})


class LoadLimit:
    """Wraps the application: a server that is asked for more than it can do says so at once, and goes on working.

    Only changes are counted. Reads are cheap, and must work when the server is busy.
    """

    def __init__(self, app: ASGIApp, *, at_once: int, waiting: int, deadline: float) -> None:
        """`at_once` changes are served, `waiting` more may queue.

        `deadline` in seconds: for one change, from its arrival to its answer; for one that concerns the whole target,
        until its body has arrived, as slow senders would occupy the server otherwise.
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

        is_long = scope["path"] in _LONG
        receive = _in_time(receive, self._deadline) if is_long else receive
        try:
            async with asyncio.timeout(None if is_long else self._deadline), self._free:
                await self._app(scope, receive, send_and_note)
        except TimeoutError:
            if answering:
                raise
            late = DeadlineExceeded(
                f"the request was not done within {self._deadline:g} s, and what it began is undone; send it again, "
                "with a new Idempotency-Key if it had one"
            )
            await _refuse(late, send, [])


def _in_time(receive: Receive, seconds: float) -> Receive:
    """`receive`, which gives the whole body so many seconds to arrive; `DeadlineExceeded` when it does not."""
    until: float | None = asyncio.get_running_loop().time() + seconds

    async def receive_in_time() -> ReceiveMessage:
        nonlocal until
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError as error:
            raise DeadlineExceeded(f"the body did not arrive within {seconds:g} s; send it again") from error
        if not message.get("more_body", False):
            until = None
        return message

    return receive_in_time


async def _refuse(error: TooManyRequests | DeadlineExceeded, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    body = msgspec.json.encode(ErrorBody(ErrorContent(error.code, error.message, {})))
    headers = [*headers, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
