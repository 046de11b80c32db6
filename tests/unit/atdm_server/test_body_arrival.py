"""Bodies that arrive, and bodies that do not."""

import asyncio

import pytest
from litestar.types import HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from atdm_core.errors import InvalidRequest
from atdm_server.body_arrival import BodyArrival
from atdm_server.errors import DeadlineExceeded

SCOPE: HTTPScope = {"type": "http", "method": "POST", "path": "/"}  # pyright: ignore[reportAssignmentType]
PIECE: ReceiveMessage = {"type": "http.request", "body": b"x", "more_body": True}
LAST: ReceiveMessage = {"type": "http.request", "body": b"x", "more_body": False}
GONE: ReceiveMessage = {"type": "http.disconnect"}


class Sender:
    """Sends these messages, and then keeps still until it is told to go on with the last one."""

    def __init__(self, *messages: ReceiveMessage) -> None:
        self._messages = list(messages)
        self.go = asyncio.Event()

    async def __call__(self) -> ReceiveMessage:
        """See ASGI."""
        if not self._messages:
            await self.go.wait()
            return GONE
        return self._messages.pop(0)


class Reader:
    """Reads a body to its end, and so many messages more."""

    def __init__(self, more: int = 0) -> None:
        self.body = b""
        self.types: list[str] = []
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        whole = False
        while not whole:
            message = await receive()
            assert message["type"] == "http.request"
            self.body += message["body"]
            whole = not message["more_body"]
        for _ in range(self._more):
            self.types.append((await receive())["type"])


async def ignore(_: Message) -> None:
    """Answer nobody."""


async def test_a_whole_body_is_read() -> None:
    """A body in pieces arrives as it was sent."""
    reader = Reader()
    await BodyArrival(reader, 5)(SCOPE, Sender(PIECE, PIECE, LAST), ignore)
    assert reader.body == b"xxx"


@pytest.mark.parametrize("messages", [[], [PIECE], [PIECE] * 3])
async def test_a_body_that_keeps_still_is_given_up(messages: list[ReceiveMessage]) -> None:
    """Who sends a part of a body and then nothing is told so after the deadline."""
    with pytest.raises(DeadlineExceeded, match=r"the body did not arrive within 0.05 s"):
        await BodyArrival(Reader(), 0.05)(SCOPE, Sender(*messages), ignore)


@pytest.mark.parametrize("messages", [[GONE], [PIECE, GONE]])
async def test_a_body_that_is_cut_off_is_the_senders_fault(messages: list[ReceiveMessage]) -> None:
    """A connection that ends before the body does, or chunks that do not add up, are a refusal and no fault."""
    with pytest.raises(InvalidRequest, match="did not arrive whole"):
        await BodyArrival(Reader(), 5)(SCOPE, Sender(*messages), ignore)


async def test_a_body_that_has_arrived_bounds_nothing() -> None:
    """When the body is there, waiting for the caller to go away has no deadline, and its going is no error."""
    sender, reader = Sender(LAST), Reader(more=1)
    served = asyncio.create_task(BodyArrival(reader, 0.01)(SCOPE, sender, ignore))
    _, waiting = await asyncio.wait([served], timeout=0.05)
    assert waiting
    sender.go.set()
    await served
    assert (reader.body, reader.types) == (b"x", ["http.disconnect"])
