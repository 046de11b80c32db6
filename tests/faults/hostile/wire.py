"""HTTP by hand: requests that no client library would send, and what is answered to them."""

import http.client
import io
import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

PATIENCE: Final = 15.0  # seconds

Header = tuple[str | bytes, str | bytes]


class Answer(Struct, frozen=True):
    """An answer as it came over the wire; header names in lower case. Status 0: the connection was closed instead."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """What the body says in the one shape of errors; empty when it has another."""
        with suppress(ValueError):
            content: Any = json.loads(self.body)
            if list(content) == ["error"]:
                return content["error"]
        return {}


CLOSED: Final = Answer(0, {}, b"")


class _Replay:
    """Bytes that were received, in the form that `http.client` reads a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


class Wire:
    """Where the server listens."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    def connect(self) -> socket.socket:
        """A connection."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def exchange(self, request: bytes) -> Answer:
        """Send bytes, and read until the server has ended the connection; the first answer."""
        with self.connect() as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # a refusal may come before all is sent
                connection.sendall(request)
            return read_answer(connection)

    def request(
        self, method: str, target: str | bytes, headers: Sequence[Header] = (), body: bytes | None = None
    ) -> bytes:
        """The bytes of a request that ends the connection; a body has its length declared unless the headers do."""
        lines = [b" ".join([method.encode(), _bytes(target), b"HTTP/1.1"])]
        names = {_bytes(name).lower() for name, _ in headers}
        if b"host" not in names:
            lines.append(f"Host: {self.host}:{self.port}".encode())
        lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
        if body is not None and not names & {b"content-length", b"transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}".encode())
        return b"\r\n".join([*lines, b"Connection: close", b"", body or b""])


def read_answer(connection: socket.socket) -> Answer:
    """The first answer that comes, once the server has ended the connection or it was read whole; `CLOSED`: none."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return parse(received)


def parse(received: bytes, method: str = "GET") -> Answer:
    """The first answer of what was received."""
    if not received:
        return CLOSED
    response = http.client.HTTPResponse(_Replay(received), method=method)  # pyright: ignore[reportArgumentType]
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
