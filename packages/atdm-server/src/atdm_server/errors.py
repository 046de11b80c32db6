"""The errors that only a server has, beside those of `atdm_core.errors`."""

from atdm_core import AtdmError

__all__ = [
    "AuthRequired",
    "BodyTooLarge",
    "ConfirmRequired",
    "DeadlineExceeded",
    "MethodNotAllowed",
    "NotReady",
    "RouteNotFound",
    "ScopeRequired",
    "SettingsInvalid",
    "UnsupportedMediaType",
]


class AuthRequired(AtdmError):
    """The request changes something and does not carry the API token."""

    code = "AUTH_REQUIRED"


class ScopeRequired(AtdmError):
    """The token is known, and may not do this."""

    code = "SCOPE_REQUIRED"


class DeadlineExceeded(AtdmError):
    """The request was not done in time, and was undone."""

    code = "DEADLINE_EXCEEDED"


class RouteNotFound(AtdmError):
    """No route has this path."""

    code = "NOT_FOUND"


class MethodNotAllowed(AtdmError):
    """The route does not take this method; the header `Allow` lists those it takes."""

    code = "METHOD_NOT_ALLOWED"


class BodyTooLarge(AtdmError):
    """The body is larger than 256 KiB."""

    code = "BODY_TOO_LARGE"


class UnsupportedMediaType(AtdmError):
    """The body is said to be something else than JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class ConfirmRequired(AtdmError):
    """The request reaches beyond one run and does not say that it means to."""

    code = "CONFIRM_REQUIRED"


class NotReady(AtdmError):
    """The store or the target does not answer."""

    code = "NOT_READY"


class SettingsInvalid(AtdmError):
    """An environment variable is missing or makes no sense."""

    code = "SETTINGS_INVALID"
