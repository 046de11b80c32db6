"""The errors that only a server has, beside those of `atdm_core.errors`."""

from atdm_core import AtdmError

__all__ = ["AuthRequired", "ConfirmRequired", "NotReady", "SettingsInvalid"]


class AuthRequired(AtdmError):
    """The request changes something and does not carry the API token."""

    code = "AUTH_REQUIRED"


class ConfirmRequired(AtdmError):
    """The request reaches beyond one run and does not say that it means to."""

    code = "CONFIRM_REQUIRED"


class NotReady(AtdmError):
    """The store or the target does not answer."""

    code = "NOT_READY"


class SettingsInvalid(AtdmError):
    """An environment variable is missing or makes no sense."""

    code = "SETTINGS_INVALID"
