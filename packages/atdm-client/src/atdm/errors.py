"""Every error the client raises, as one tree.

    AtdmClientError             raised itself when the API answered and refused
    ├── AtdmUnreachable         no answer came: nothing listens there, too slow, the connection broke
    ├── AtdmUnexpectedAnswer    an answer came, but not one of the ATDM API (a proxy's page, another service)
    ├── AtdmSettingsError       the address, the token or a file could not be read; nothing was sent
    └── AtdmExampleStale        an example would not be the same data any more; nothing was written

`code` is the stable name that programs branch on; `str(error)` is one line for people.
"""

from collections.abc import Mapping
from typing import cast

__all__ = ["AtdmClientError", "AtdmExampleStale", "AtdmSettingsError", "AtdmUnexpectedAnswer", "AtdmUnreachable"]


class AtdmClientError(Exception):
    """What went wrong between a caller and the ATDM API.

    `status` is the HTTP status, None when no answer came. `code` and `message` come from the API's error object;
    `details` is its mapping of what exists or what was found, `test_run_id` the run it concerns, where there is one.
    `body` is the whole answer as it came: decoded JSON, or text where it was no JSON.
    `unsure` is True where the call may have been carried out all the same: its answer was lost on the way.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        details: Mapping[str, object] | None = None,
        test_run_id: str | None = None,
        body: object = None,
        unsure: bool = False,
    ) -> None:
        super().__init__(message)
        self.status: int | None = status
        self.code: str = code
        self.message: str = message
        self.details: Mapping[str, object] = details or {}
        self.test_run_id: str | None = test_run_id
        self.body: object = body
        self.unsure: bool = unsure

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_json(self) -> object:
        """The error in the API's own shape; for errors that never reached the API, one of the same shape."""
        if self.status is not None and isinstance(self.body, dict):
            return cast("object", self.body)
        return {"error": {"code": self.code, "message": self.message, "details": dict(self.details)}}

    def untold_details(self) -> list[str]:
        """One line per detail, `name: a, b`, leaving out those that the message already tells."""
        lines: list[str] = []
        for name, value in self.details.items():
            parts = [str(part) for part in _parts(value)]
            if parts and not all(part in self.message for part in parts):
                lines.append(f"{name}: {', '.join(parts)}")
        return lines


class AtdmUnreachable(AtdmClientError):
    """No answer came: nothing listens at the address, it was too slow, or the connection broke."""

    def __init__(self, message: str, *, unsure: bool = False) -> None:
        super().__init__(message, code="UNREACHABLE", unsure=unsure)


class AtdmUnexpectedAnswer(AtdmClientError):
    """An answer came, but not one of the ATDM API; most often the address belongs to something else."""

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message, code="UNEXPECTED_ANSWER", status=status, body=body, unsure=status >= 500)


class AtdmSettingsError(AtdmClientError):
    """The address or the token could not be read; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="INVALID_SETTINGS")


class AtdmExampleStale(AtdmClientError):
    """An example that was kept would not be the same data any more; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="EXAMPLE_STALE")


def _parts(value: object) -> list[object]:
    if isinstance(value, list):
        # Records within a list are for programs; a person reads the message, which has their gist.
        return [part for part in cast("list[object]", value) if not isinstance(part, dict)]
    if isinstance(value, dict):
        return [f"{name}={part}" for name, part in cast("dict[str, object]", value).items()]
    return [] if value is None else [value]
