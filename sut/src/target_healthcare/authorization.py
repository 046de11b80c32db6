"""The service token of `/internal/`: what a test data manager such as ATDM shows to be let in."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from target_healthcare.errors import AuthRequired

AnyConnection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


def require_bearer(token: str) -> Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]:
    """Make a guard that lets only `Authorization: Bearer <token>` pass; compares in constant time."""
    expected = token.encode()

    # Asynchronous for speed alone: the framework runs a synchronous guard in a thread.
    async def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        scheme, _space, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise AuthRequired("send the service token of this target as 'Authorization: Bearer <token>'")

    return guard
