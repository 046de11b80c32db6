"""Who may do what: the bearer of an API token with the scope for it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from atdm_server.errors import AuthRequired, ScopeRequired
from atdm_server.tokens import Scope, Tokens

__all__ = ["PRINCIPAL", "Connection", "Guard", "guard_reads", "require_scope"]

PRINCIPAL: Final = "principal"  # where the guard leaves the name of the token, in the state of the request
_SCHEME: Final = "bearer"


Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


def require_scope(tokens: Tokens, scope: Scope) -> Guard:
    """A guard that lets only `Authorization: Bearer <token>` with this scope pass."""

    # Asynchronous, because the framework runs a synchronous guard in a thread.
    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        scheme, _space, given = connection.headers.get("authorization", "").partition(" ")
        token = tokens.find(given.strip()) if scheme.lower() == _SCHEME else None
        if token is None:
            raise AuthRequired(
                "send an API token as 'Authorization: Bearer <token>'; it is the server's ATDM_API_TOKEN, or one of "
                "those that it was given with scopes"
            )
        if not token.may(scope):
            raise ScopeRequired(
                f"the token {token.name!r} may not do this; use one with the scope {scope!r}"
                + ("" if scope == "admin" else ", or 'admin'"),
                scope=scope,
            )
        connection.scope["state"][PRINCIPAL] = token.name

    return guard


def guard_reads(tokens: Tokens) -> Guard:
    """A guard for all routes at once: reads need the scope `read`, but for those that are declared `open_to_all`.

    A route that is added and does not say so is guarded.
    """
    require_read = require_scope(tokens, "read")

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") == "GET" and not handler.opt.get("open_to_all"):
            await require_read(connection, handler)

    return guard
