"""One exchange with the API, whoever sends it: the request it becomes, what its answer means, when it is repeated."""

import getpass
import random
import time
from collections.abc import Callable
from typing import TypedDict, TypeVar, cast

import httpx2

from atdm.calls import Call
from atdm.errors import AtdmClientError, AtdmUnexpectedAnswer, AtdmUnreachable
from atdm.settings import Settings

__all__ = ["Connection", "Patience", "connection", "cut_off", "lost", "read_answer", "to_request"]

CONNECT_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
LOST_ANSWERS = 3
GATEWAY = frozenset({502, 503, 504})
IN_PROGRESS, BUSY = "REQUEST_IN_PROGRESS", "TOO_MANY_REQUESTS"

Answer = TypeVar("Answer")


class Connection(TypedDict):
    """What a blocking and an asynchronous HTTP client are opened with."""

    base_url: str
    headers: dict[str, str]
    verify: bool


def connection(settings: Settings, invoker: str | None) -> Connection:
    """How to connect: address, token, and who asks (default: the user of this machine)."""
    headers = {"X-Atdm-Invoker": (invoker or _current_user()).encode("ascii", "replace").decode()}
    if settings.api_token:
        headers["Authorization"] = f"Bearer {settings.api_token}"
    # Loading the certificate store takes 100 ms, which a plain HTTP address has no use for.
    verify = not settings.api_url.lower().startswith("http://")
    return Connection(base_url=settings.api_url, headers=headers, verify=verify)


class Patience:
    """How long one call is waited for, and how often it is sent again.

    A repeatable call is sent again when its answer was lost (the connection broke, a gateway answered instead of the
    API; three times at most) or not there yet (the first request under its key still runs). Any call is sent again when
    the server was too busy to look at it. Pauses double, and each is drawn at random below its bound, so that many
    workers do not come back at once. `seconds` bounds it all.
    """

    def __init__(
        self,
        call: Call[object],
        seconds: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._call = call
        self._clock = clock
        self._draw = draw
        self._deadline = clock() + (call.seconds if seconds is None else seconds)
        self._bound = FIRST_PAUSE
        self._lost = 0

    def timeout(self) -> httpx2.Timeout:
        """How long the next attempt may take."""
        left = max(self._deadline - self._clock(), 0.001)
        return httpx2.Timeout(left, connect=min(CONNECT_SECONDS, left))

    def pause(self, error: AtdmClientError) -> float:
        """Seconds to wait before the call is sent again; raises `error` where it is not."""
        self._lost += 0 if error.code in (IN_PROGRESS, BUSY) else 1
        pause = self._bound * (0.5 + self._draw() / 2)
        if not self._repeats(error) or self._lost > LOST_ANSWERS or self._clock() + pause >= self._deadline:
            raise error
        self._bound = min(self._bound * 2, LONGEST_PAUSE)
        return pause

    def _repeats(self, error: AtdmClientError) -> bool:
        if not self._call.repeatable:
            return error.code == BUSY
        if error.unsure or error.code in (IN_PROGRESS, BUSY):
            return True
        # A refused write was decided: under its key it would be refused again, for a reason that explains less.
        return self._call.method == "GET" and error.status in GATEWAY


def to_request(http: httpx2.Client | httpx2.AsyncClient, call: Call[object], patience: Patience) -> httpx2.Request:
    """The HTTP request that a call is."""
    return http.build_request(
        call.method,
        call.path,
        json=call.body,
        params=call.params,
        headers=call.headers,
        timeout=patience.timeout(),
    )


def lost(settings: Settings, call: Call[object], error: httpx2.RequestError) -> AtdmUnreachable:
    """What a failed exchange is called: nothing answered, or the answer did not arrive."""
    where = f"{settings.api_url} (from {settings.source})"
    cause = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return AtdmUnreachable(f"cannot reach ATDM at {where}: {cause}; start it with `make up` or set ATDM_API_URL")
    if call.method == "GET":
        return AtdmUnreachable(f"no answer from {where}: {cause}; try again", unsure=True)
    key = call.headers.get("Idempotency-Key")
    look = f"ask again with idempotency key {key}" if key else "look at `atdm runs`"
    message = f"no answer from {where}: {cause}; it may have been carried out all the same: {look}"
    return AtdmUnreachable(message, unsure=True)


def cut_off(settings: Settings) -> AtdmUnreachable:
    """What a stream is called that ended before its last word, as each does after some seconds: it is asked again."""
    return AtdmUnreachable(f"{settings.api_url} stopped telling; follow the volume again", unsure=True)


def read_answer(call: Call[Answer], response: httpx2.Response) -> Answer:
    """The decoded JSON object of a success; any other answer becomes an error. The shape is the API's promise."""
    try:
        body = cast("object", response.json())
    except ValueError:
        body = None
    if isinstance(body, dict):
        answer = cast("dict[str, object]", body)
        if response.is_success:
            return cast("Answer", answer)
        if isinstance(answer.get("error"), dict):
            raise _refusal(response.status_code, answer)
    message = (
        f"{response.request.url} answered {response.status_code} to {call.method} without ATDM's JSON; "
        "check ATDM_API_URL, and any proxy on the way"
    )
    raise AtdmUnexpectedAnswer(message, status=response.status_code, body=response.text)


def _refusal(status: int, body: dict[str, object]) -> AtdmClientError:
    error = cast("dict[str, object]", body["error"])
    details, run_id = error.get("details"), error.get("test_run_id")
    return AtdmClientError(
        str(error.get("message", "no message")),
        code=str(error.get("code", "UNKNOWN")),
        status=status,
        details=cast("dict[str, object]", details) if isinstance(details, dict) else None,
        test_run_id=str(run_id) if run_id else None,
        body=body,
    )


def _current_user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        name = "unknown"
    return f"human:{name}"
