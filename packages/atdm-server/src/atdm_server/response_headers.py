"""Headers that keep browsers and proxies from doing what nobody meant."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from litestar.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SafeHeaders"]

_Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_ALWAYS: Final[_Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_OF_CHANGES: Final[_Headers] = ((b"cache-control", b"no-store"),)  # their answers carry cleanup tokens


class SafeHeaders:
    """Wraps the whole application, so that errors have them too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. A header that the route has set stays."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted: _Headers = _ALWAYS if scope["method"] in ("GET", "HEAD") else [*_ALWAYS, *_OF_CHANGES]

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with(message["headers"], wanted)
            await send(message)

        await self._app(scope, receive, send_safely)


def _with(headers: Iterable[tuple[bytes, bytes]], wanted: _Headers) -> _Headers:
    told = list(headers)
    there = {name.lower() for name, _ in told}
    return told + [(name, value) for name, value in wanted if name not in there]
