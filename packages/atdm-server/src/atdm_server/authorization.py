"""Who may change something: the bearer of the API token."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from atdm_server.errors import AuthRequired

__all__ = ["Connection", "require_bearer"]

_SCHEME: Final = "bearer"


Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


def require_bearer(token: str) -> Guard:
    """A guard that lets only `Authorization: Bearer <token>` pass; every wrong token takes the same time."""
    expected = token.encode()

    # Asynchronous, because the framework runs a synchronous guard in a thread.
    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        scheme, _space, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not hmac.compare_digest(given.strip().encode(), expected):
            raise AuthRequired(
                "send the API token as 'Authorization: Bearer <token>'; it is the server's ATDM_API_TOKEN"
            )

    return guard
