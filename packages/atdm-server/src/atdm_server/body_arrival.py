"""Bodies arrive whole and in time, or not at all."""

import asyncio
from typing import Final

from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from atdm_core.errors import InvalidRequest
from atdm_server.errors import DeadlineExceeded

__all__ = ["BodyArrival"]

_CUT_OFF: Final = "the body did not arrive whole: it was cut off, or its chunks do not add up; send it again"


class BodyArrival:
    """Wraps the application: who reads a body is told when it never comes to its end, which is the sender's fault.

    The framework would take it for a fault of the server, and wait for ever for a sender who keeps still.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """`seconds` that a whole body has to arrive in, from when the request is served."""
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Reading raises `DeadlineExceeded` or `InvalidRequest`; a body that has arrived bounds nothing."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        until: float | None = asyncio.get_running_loop().time() + self._seconds

        async def receive_whole() -> ReceiveMessage:
            nonlocal until
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise DeadlineExceeded(f"the body did not arrive within {self._seconds:g} s; send it again") from error
            if message["type"] == "http.disconnect" and until is not None:
                raise InvalidRequest(_CUT_OFF)
            if not message.get("more_body", False):
                until = None
            return message

        await self._app(scope, receive_whole, send)
