"""Everything the target refuses, and the one JSON shape in which it says so.

TargetError
    InvalidRequest 400    AuthRequired 401    RowNotFound, RunNotFound 404
    RunConflict, DuplicateKey, RowsReferenced, NotExpired, SchemaDrift 409    RunDeleted 410    BodyTooLarge 413
    UnknownTable, UnknownColumn, ConstraintViolated, InvalidValue 422
    DatabaseUnavailable 503
"""

from typing import Any, ClassVar

import msgspec


class TargetError(Exception):
    """A refusal with its HTTP status, its code and `details` for programs; the message says what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidRequest(TargetError):
    """The request cannot be read: not JSON, a wrong shape, an unusable run id."""

    status = 400
    code = "INVALID_REQUEST"


class AuthRequired(TargetError):
    """The service token is missing or wrong."""

    status = 401
    code = "AUTH_REQUIRED"


class RowNotFound(TargetError):
    """No row has this key."""

    status = 404
    code = "NOT_FOUND"


class RunNotFound(TargetError):
    """The ledger does not know this run."""

    status = 404
    code = "RUN_NOT_FOUND"


class RunConflict(TargetError):
    """Another bundle was seeded under this run id."""

    status = 409
    code = "RUN_CONFLICT"


class DuplicateKey(TargetError):
    """A row's key is taken."""

    status = 409
    code = "DUPLICATE_KEY"


class RowsReferenced(TargetError):
    """Rows of others still point at the rows to delete."""

    status = 409
    code = "ROWS_REFERENCED"


class NotExpired(TargetError):
    """The run's time is not up, or somebody else is deleting it now."""

    status = 409
    code = "NOT_EXPIRED"


class SchemaDrift(TargetError):
    """The tables to restore were taken of another schema."""

    status = 409
    code = "SCHEMA_DRIFT"


class RunDeleted(TargetError):
    """The run has a tombstone, so it cannot be seeded (again)."""

    status = 410
    code = "RUN_DELETED"


class BodyTooLarge(TargetError):
    """The request body is over the limit of its route."""

    status = 413
    code = "BODY_TOO_LARGE"


class UnknownTable(TargetError):
    """The schema has no such table that runs may write to."""

    status = 422
    code = "UNKNOWN_TABLE"


class UnknownColumn(TargetError):
    """The table has no such column."""

    status = 422
    code = "UNKNOWN_COLUMN"


class ConstraintViolated(TargetError):
    """A constraint of the database refused a row."""

    status = 422
    code = "CONSTRAINT_VIOLATED"


class InvalidValue(TargetError):
    """A value does not fit its column, or a row names another run."""

    status = 422
    code = "INVALID_VALUE"


class DatabaseUnavailable(TargetError):
    """The database did not answer; the same request may be sent again."""

    status = 503
    code = "DATABASE_UNAVAILABLE"


class ErrorContent(msgspec.Struct, frozen=True):
    """What went wrong: a stable code, one sentence, and details for programs."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every 4xx and 5xx answer."""

    error: ErrorContent
