"""What the target answers, and what its silence means."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
import msgspec

from atdm_core.errors import TargetError, TargetUnreachable

__all__ = ["error_of", "reaching", "read_answer", "read_change", "read_run_ids"]

_T = TypeVar("_T")


class _ListedRun(msgspec.Struct, frozen=True):
    run_id: str


class _RunList(msgspec.Struct, frozen=True):
    runs: list[_ListedRun]


def read_answer(response: httpx2.Response, answer: type[_T], refusal: type[TargetError]) -> _T:
    """The decoded body of a success; `refusal`, with what the target said, for anything else."""
    if response.is_success:
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise refusal(f"the target at {response.url.host} answered in another language: {error}") from error
    raise _told(response, refusal, "the target refused")


def read_change(response: httpx2.Response, answer: type[_T], refusal: type[TargetError]) -> _T:
    """As `read_answer`, where rows were to be changed for good.

    A target that fails by itself (5xx) may have done so all the same, as when its database commits and dies: then it is
    `TargetUnreachable`, as where no answer came.
    """
    if response.status_code >= 500:
        raise _told(response, TargetUnreachable, "the target failed, and nobody knows what it did")
    return read_answer(response, answer, refusal)


def read_run_ids(response: httpx2.Response) -> list[str]:
    """The ids of a list of runs; a `TargetError` where the target refuses."""
    return [run.run_id for run in read_answer(response, _RunList, TargetError).runs]


def error_of(response: httpx2.Response) -> tuple[str, str, dict[str, Any]]:
    """Code, message and details of an answer in the error shape, or what can be said of one that is not."""
    try:
        error = msgspec.json.decode(response.content)["error"]
        return str(error["code"]), str(error["message"]), dict(error.get("details") or {})
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return "UNKNOWN", f"HTTP {response.status_code} {response.reason_phrase}".rstrip(), {}


@contextmanager
def reaching(url: str, timeout: float) -> Generator[None]:
    """Turn every failure to reach the target at `url` within `timeout` seconds into `TargetUnreachable`."""
    try:
        yield
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise TargetUnreachable(f"the target at {url} did not answer in {timeout:g} s; look at its log") from error
    except httpx2.RequestError as error:
        reason = str(error) or type(error).__name__
        raise TargetUnreachable(f"the target at {url} cannot be reached ({reason}); is it running?") from error


def _told(response: httpx2.Response, kind: type[TargetError], what: str) -> TargetError:
    """The error of an answer that is none, with what the target said of it."""
    code, message, details = error_of(response)
    return kind(f"{what}: {message}", target_status=response.status_code, target_code=code, target_details=details)
