"""Every error as one JSON shape: the target's own, the database's, the framework's and the unforeseen."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

import msgspec
import psycopg
from litestar import MediaType, Request, Response
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException

from target_healthcare.database import Pool
from target_healthcare.errors import (
    AuthRequired,
    BodyTooLarge,
    DatabaseUnavailable,
    ErrorBody,
    ErrorContent,
    InvalidRequest,
    TargetError,
)
from target_healthcare.sqlstates import explain

AnyRequest: TypeAlias = Request[Any, Any, Any]
ErrorResponse: TypeAlias = Response[ErrorBody]
ErrorHandlers: TypeAlias = dict[int | type[Exception], Callable[[AnyRequest, Any], ErrorResponse]]

_log = logging.getLogger(__name__)

_FRAMEWORK_CODES: Final[Mapping[int, str]] = {400: InvalidRequest.code, 413: BodyTooLarge.code}


def handle_errors(pool: Pool) -> ErrorHandlers:
    """The handlers of an application whose connections come from `pool`."""

    def refuse_as_database(request: AnyRequest, error: psycopg.Error) -> ErrorResponse:
        refusal = explain(error)
        if refusal is None:
            return _report_fault(request, error)
        response = _refuse(request, refusal)
        if isinstance(refusal, DatabaseUnavailable):
            # One lost connection seldom comes alone: let the pool drop the others before a request meets them.
            response.background = BackgroundTask(pool.check)
        return response

    return {
        TargetError: _refuse,
        psycopg.Error: refuse_as_database,
        HTTPException: _refuse_as_framework,
        Exception: _report_fault,
    }


def error_response(
    status: int, code: str, message: str, details: dict[str, object], headers: Mapping[str, str] | None = None
) -> ErrorResponse:
    """Answer with the error shape."""
    body = ErrorBody(ErrorContent(code, message, details))
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)


def _refuse(_: AnyRequest, error: TargetError) -> ErrorResponse:
    headers = {"www-authenticate": "Bearer"} if isinstance(error, AuthRequired) else None
    return error_response(error.status, error.code, error.message, error.details, headers)


def _refuse_as_framework(request: AnyRequest, error: HTTPException) -> ErrorResponse:
    status, path = HTTPStatus(error.status_code), request.url.path
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _report_fault(request, error)
    complaints = _complaints(error)
    message = {
        HTTPStatus.NOT_FOUND: f"there is no {path} here; /docs lists the routes",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{path} does not take {request.method}; /docs lists the routes",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request body is too large; send less at once",
    }.get(status, "; ".join(complaints) or error.detail)
    details: dict[str, object] = {"errors": complaints} if complaints else {}
    return error_response(status, _FRAMEWORK_CODES.get(status, status.name), message, details, error.headers)


def _complaints(error: HTTPException) -> list[str]:
    """What the framework found wrong with parameters and body, one line each.

    A parameter whose name Litestar keeps for itself ends in an underscore in our code, but not on the wire.
    """
    if not isinstance(error.extra, list):
        return []
    complaints: list[str] = []
    for found in cast("list[dict[str, str]]", msgspec.to_builtins(error.extra)):
        place = f"{found.get('source', '')} {found.get('key', '').rstrip('_')}".strip()
        complaints.append(f"{place}: {found['message']}" if place else found["message"])
    return complaints


def _report_fault(_: AnyRequest, error: Exception) -> ErrorResponse:
    """An error of the target itself: the log gets all of it, the caller none."""
    _log.error("uncaught error", exc_info=error)
    return error_response(500, TargetError.code, "the target failed; its log says why", {})
