"""A real TCP proxy in front of a service, which can misbehave in the ways that networks and services do.

async with FlakyProxy(stack.target_url) as proxy:
    proxy.mode = "hang"
    trap = proxy.arm(lambda call: call.method == "PUT", done=True)
    await trap.caught.wait()  # the service has done it, and its caller waits for an answer that never comes
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

Mode = Literal["pass", "refuse", "error", "busy", "hang", "lose_answer", "fail_after", "down"]

REFUSAL = b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops"
BUSY = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
ANSWERS: Mapping[Mode, bytes | None] = {"refuse": REFUSAL, "error": ERROR, "busy": BUSY, "hang": b"", "down": None}
"""What is answered without asking."""


@dataclass
class Call:
    """A request that came by. `creates`: only where nothing is; times are monotonic, and infinite while it lasts."""

    method: str
    path: str
    creates: bool
    began: float
    ended: float = float("inf")


@dataclass
class Trap:
    """Holds one call for as long as its caller lives, or until it is `released`, and then goes its way.

    `done`: the service has done it by the time it is caught.
    """

    fits: Callable[[Call], bool]
    done: bool
    caught: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class FlakyProxy:
    """`pass` forwards; `refuse`, `error`, `busy` answer 409, 500, 503; `down` breaks every connection at once.

    `hang` takes the request and forwards nothing; `lose_answer` forwards the request and never answers, `fail_after`
    forwards it and answers 503. In `pass`, a
    call meets one of `sometimes` at the rate given there; `delay` is what each answer waits, in seconds.
    """

    _creating: ClassVar[dict[str, asyncio.Lock]] = {}

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._random = random.Random(0)
        self.traps: list[Trap] = []
        self.mode: Mode = "pass"
        self.sometimes: Mapping[Mode, float] = {}
        self.delay = 0.0
        self.calls: list[Call] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def arm(self, fits: Callable[[Call], bool], *, done: bool) -> Trap:
        """Catch the next call that fits, before the service gets it or when it has done it."""
        trap = Trap(fits, done)
        self.traps.append(trap)
        return trap

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while request := await _read_message(reader):
                call = _call_of(request)
                self.calls.append(call)
                trap = next((trap for trap in self.traps if trap.fits(call)), None)
                answer = await (self._hold(trap, call, request, reader) if trap else self._answer(call, request))
                if answer is None:
                    break
                if answer == b"":
                    await reader.read(1)  # until the caller has gone
                    break
                await asyncio.sleep(self.delay)
                call.ended = time.monotonic()
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _answer(self, call: Call, request: bytes) -> bytes | None:
        """What the caller gets: an answer, nothing ever (empty), or a broken connection (None)."""
        fate = self._fate()
        if fate in ANSWERS:
            return ANSWERS[fate]
        forwarded = await self._forward(call, request)
        return {"lose_answer": b"", "fail_after": BUSY}.get(fate, forwarded)

    def _fate(self) -> Mode:
        if self.mode != "pass":
            return self.mode
        drawn = self._random.random()
        for mode, rate in self.sometimes.items():
            if (drawn := drawn - rate) < 0:
                return mode
        return "pass"

    async def _hold(self, trap: Trap, call: Call, request: bytes, reader: asyncio.StreamReader) -> bytes | None:
        self.traps.remove(trap)
        answer = await self._forward(call, request) if trap.done else b""
        trap.caught.set()
        waits = [asyncio.create_task(reader.read(1)), asyncio.create_task(trap.released.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not trap.released.is_set():
            return None
        return answer or await self._forward(call, request)

    async def _forward(self, call: Call, request: bytes) -> bytes:
        if not call.creates:
            return await self._exchange(call, request)
        # moto looks whether a key is free and then takes it, in two steps; a store that is one has to do it in one.
        async with self._creating.setdefault(f"{self._port}{call.path}", asyncio.Lock()):
            return await self._exchange(call, request)

    async def _exchange(self, call: Call, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            await writer.drain()
            return await _read_message(reader, has_body=call.method != "HEAD")
        finally:
            writer.close()


def _call_of(request: bytes) -> Call:
    head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
    method, path, _ = head.split("\r\n")[0].split(" ", 2)
    return Call(method, path, "if-none-match: *" in head.lower(), time.monotonic())


async def _read_message(reader: asyncio.StreamReader, *, has_body: bool = True) -> bytes:
    """A request or an answer, as it came; nothing when the connection ended instead."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    fields = {name: value.strip() for name, _, value in lines}
    if not has_body:
        return head
    if fields.get(b"transfer-encoding") == b"chunked":
        return head + await _read_chunks(reader)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = b""
    while True:
        line = await reader.readline()
        size = int(line.partition(b";")[0], 16)
        chunks += line + await reader.readexactly(size + 2)
        if size == 0:
            return chunks
