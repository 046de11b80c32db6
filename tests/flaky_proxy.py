"""A real TCP proxy in front of the target, which can misbehave in the ways that networks and services do.

async with FlakyProxy(stack.target_url) as proxy:
    proxy.mode = "hang"
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

Mode = Literal["pass", "error", "hang", "lose_answer", "down"]

ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops"


class FlakyProxy:
    """`pass` forwards; `error` answers 500; `down` breaks every connection at once.

    `hang` takes the request and forwards nothing; `lose_answer` forwards the request and never answers.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.mode: Mode = "pass"
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

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while request := await _read_message(reader):
                mode = self.mode
                if mode == "down":
                    break
                if mode == "error":
                    writer.write(ERROR)
                    await writer.drain()
                    break
                answer = await self._forward(request) if mode in {"pass", "lose_answer"} else b""
                if mode != "pass":
                    await asyncio.Event().wait()
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(request)
        await writer.drain()
        answer = await _read_message(reader)
        writer.close()
        return answer


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)
