"""A tiny HTTP server over real sockets that answers what a test tells it, or behaves badly in one of several ways."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from msgspec import Struct


class Seen(Struct, frozen=True):
    """A request as it arrived; `headers` by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class TinyServer:
    """`answer` makes the bytes of an answer; None: say nothing, and keep the connection open until the end.

    `late` is after how many seconds, by method. `drip` sends it byte by byte, `hang_up` ends the connection after it.
    """

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.connections = 0
        self.answer: Callable[[Seen], bytes | None] = lambda _: http(200, {})
        self.late: dict[str, float] = {}
        self.drip = False
        self.hang_up = False
        self._end = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while request := await self._read(reader):
                self.seen.append(request)
                await self._pass(self.late.get(request.method, 0.0))
                await self._write(writer, self.answer(request))
                if self.hang_up:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def end(self) -> None:
        """Let go of all who wait."""
        self._end.set()

    async def _read(self, reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        method, path, _ = head[0].split(" ")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in head[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            return Seen(method, path, headers, await self._read_chunks(reader))
        return Seen(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))

    async def _read_chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body

    async def _write(self, writer: asyncio.StreamWriter, answer: bytes | None) -> None:
        if answer is None:
            await self._end.wait()
        elif self.drip:
            for byte in answer:  # slowly, and without an end in sight
                writer.write(bytes([byte]))
                await writer.drain()
                await self._pass(0.05)
                if self._end.is_set():
                    return
        else:
            writer.write(answer)
            await writer.drain()

    async def _pass(self, seconds: float) -> None:
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), seconds)


def http(status: int, body: object, **headers: str) -> bytes:
    """The bytes of an answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@asynccontextmanager
async def tiny_server() -> AsyncGenerator[TinyServer]:
    """A server on a port of its own."""
    tiny = TinyServer()
    server = await asyncio.start_server(tiny.serve, "127.0.0.1", 0)
    tiny.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tiny
    finally:
        tiny.end()
        server.close()


def closed_port() -> int:
    """A port that was free a moment ago, so that nothing listens on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
