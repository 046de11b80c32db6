"""Every error as one JSON shape: ATDM's own, the framework's and the unforeseen."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from atdm_core import AtdmError, errors
from atdm_server.errors import (
    AuthRequired,
    BodyTooLarge,
    ConfirmRequired,
    DeadlineExceeded,
    MethodNotAllowed,
    NotReady,
    RouteNotFound,
    ScopeRequired,
    UnsupportedMediaType,
)
from atdm_server.request_log import RUN_ID

__all__ = ["ERROR_HANDLERS", "STATUS_OF", "AnyRequest", "ErrorBody", "ErrorContent", "error_response", "status_of"]

AnyRequest: TypeAlias = Request[Any, Any, Any]

STATUS_OF: Final[Mapping[type[AtdmError], int]] = {
    errors.InvalidRequest: 400,
    AuthRequired: 401,
    errors.TokenMismatch: 403,
    ScopeRequired: 403,
    errors.DomainNotFound: 404,
    errors.ScenarioNotFound: 404,
    errors.RunNotFound: 404,
    errors.BaselineNotFound: 404,
    errors.NoBaseline: 404,
    RouteNotFound: 404,
    MethodNotAllowed: 405,
    errors.RequestInProgress: 409,
    errors.BaselineExists: 409,
    errors.BaselineSchemaDrift: 409,
    errors.BaselineDamaged: 409,
    errors.RunGone: 410,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    errors.UnknownConstraint: 422,
    errors.InvalidConstraint: 422,
    errors.InvalidDraws: 422,
    errors.ValidatorRejected: 422,
    errors.IdempotencyKeyReused: 422,
    ConfirmRequired: 428,
    errors.TooManyRequests: 429,
    errors.LlmModeNotEnabled: 501,
    errors.TargetError: 502,
    errors.StoreUnavailable: 503,
    NotReady: 503,
    DeadlineExceeded: 504,
    errors.PackError: 500,
    errors.BaselineError: 500,
    errors.StoreError: 500,
    AtdmError: 500,
}
"""The status of each error; an error that is not named has the status of its nearest ancestor."""

_CODE_OF_FRAMEWORK: Final[Mapping[int, str]] = {
    STATUS_OF[kind]: kind.code for kind in (errors.InvalidRequest, RouteNotFound, MethodNotAllowed, BodyTooLarge)
}

_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"retry-after": "10"},
}
"""What goes with a status, beside the body."""

_log = structlog.stdlib.get_logger("atdm_server")


class ErrorContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A code to branch on, one sentence that says what to do, what belongs to it, and the run it happened in."""

    code: str
    message: str
    details: dict[str, Any]
    test_run_id: str | msgspec.UnsetType = msgspec.UNSET


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: ErrorContent


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[ErrorBody]:
    """An answer in the error shape."""
    content = ErrorContent(code, message, dict(details or {}), msgspec.UNSET if run_id is None else run_id)
    return Response(ErrorBody(content), status_code=status, media_type=MediaType.JSON, headers=headers)


def status_of(error: AtdmError) -> int:
    """The HTTP status that an error is answered with."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def _refuse(request: AnyRequest, error: AtdmError) -> Response[ErrorBody]:
    status = status_of(error)
    request.scope["state"][RUN_ID] = error.run_id
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("error", code=error.code, test_run_id=error.run_id, exc_info=error)
    return error_response(
        status, error.code, error.message, details=error.details, run_id=error.run_id, headers=_HEADERS.get(status)
    )


def _refuse_as_framework(request: AnyRequest, error: HTTPException) -> Response[ErrorBody]:
    status = HTTPStatus(error.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _fault(request, error)
    path = request.url.path
    message = {
        HTTPStatus.NOT_FOUND: f"there is no {path} here; /docs lists the routes",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{path} does not take {request.method}; /docs lists the routes",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request body is too large; send at most 256 KiB",
    }.get(status, error.detail)
    details = {"errors": error.extra} if error.extra else {}
    code = _CODE_OF_FRAMEWORK.get(status, status.name)
    return error_response(status, code, message, details=details, headers=error.headers)


def _fault(request: AnyRequest, error: Exception) -> Response[ErrorBody]:
    """An error that nobody foresaw: the log gets all of it, the caller none."""
    _log.error("uncaught error", path=request.url.path, exc_info=error)
    return error_response(500, "INTERNAL_ERROR", "the server failed; its log says why")


ERROR_HANDLERS: Final[Mapping[type[Exception], Callable[[AnyRequest, Any], Response[ErrorBody]]]] = {
    AtdmError: _refuse,
    HTTPException: _refuse_as_framework,
    Exception: _fault,
}
