"""HEAD, for every path that answers GET."""

from litestar.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HeadAsGet"]


class HeadAsGet:
    """Wraps the whole application, because the framework would need a second handler for each path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. A HEAD has the headers of the GET, without its body; `Allow` names it beside GET."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_as_asked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (204, 405):
                message["headers"] = [_naming_head(*header) for header in message["headers"]]
            elif message["type"] == "http.response.body" and is_head:
                message["body"] = b""
            await send(message)

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send_as_asked)


def _naming_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    methods = set(value.decode("latin-1").replace(" ", "").split(",")) if name.lower() == b"allow" else set[str]()
    return (name, ", ".join(sorted(methods | {"HEAD"})).encode("latin-1")) if "GET" in methods else (name, value)
