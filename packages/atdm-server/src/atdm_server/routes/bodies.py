"""What the body of a request may be, and how it is read."""

import json
import math
from typing import Final, TypeVar

import msgspec
from litestar.handlers.base import BaseRouteHandler

from atdm_core.errors import InvalidRequest
from atdm_server.authorization import Connection
from atdm_server.errors import UnsupportedMediaType

__all__ = ["read_body", "require_json"]

_JSON: Final = "application/json"
_T = TypeVar("_T")


def _number(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidRequest(f"the body cannot be read: the number {text[:40]} is too large")
    return int(number) if number.is_integer() else number


_NUMBERS: Final = msgspec.json.Decoder(float_hook=_number)


def _require_unique(pairs: list[tuple[str, object]]) -> None:
    seen = set[str]()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequest(f"the body cannot be read: {name[:40]!r} stands twice in one object")
        seen.add(name)


# The decoder above keeps the last of two values that have one name, and does not tell.
_NAMES: Final = json.JSONDecoder(object_pairs_hook=_require_unique, parse_int=str, parse_float=str)


def read_body(body: bytes, kind: type[_T]) -> _T:
    """The value that the body is; `InvalidRequest` names the field that is wrong.

    The framework's own reading would take 0 for false and "7" for 7. To JSON Schema 7.0 is an integer, so it is here.
    A name that stands twice in an object is refused: one of the two values would be lost.
    """
    try:
        value = _NUMBERS.decode(body)
        _NAMES.decode(body.decode())
        return msgspec.convert(value, kind)
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deeply to be a request") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body cannot be read: {error}") from error


# Asynchronous, because the framework runs a synchronous guard in a thread.
async def require_json(connection: Connection, handler: BaseRouteHandler) -> None:
    """A guard that refuses a body of another kind; one that does not name its kind is taken for JSON."""
    named = connection.headers.get("content-type", _JSON)
    if "body" in handler.opt and named.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(f"send the body as 'Content-Type: {_JSON}', not {named[:100]!r}")
