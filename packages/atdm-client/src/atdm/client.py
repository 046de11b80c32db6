"""The client: one pooled connection to the ATDM API, plain dicts back.

with AtdmClient() as client:
    run = client.request_scenario("active_member_clean")
    ...
    client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import TracebackType
from typing import Self, cast
from urllib.parse import quote

import httpx2

from atdm.contract import AuditTrail, ResetAnswer, RunList, ScenarioAnswer, ScenarioCatalog
from atdm.errors import AtdmClientError, AtdmUnexpectedAnswer, AtdmUnreachable
from atdm.settings import Settings, read_settings

__all__ = ["AtdmClient"]

CONNECT_SECONDS = 5.0
# A request seeds the target before it answers; the server's own bound on a slow target is well below this.
ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class _Call:
    """One exchange with the API, not yet sent: all that differs between methods, whatever sends it."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class AtdmClient:
    """A client of one ATDM API; thread-safe, reuses its connections, and is best used as a context manager.

    Address and token come from the arguments or from `read_settings` (environment, then the local stack).
    `invoker` (`human:<name>` or `agent:<id>`) is recorded with each run; by default the user of this machine.
    `timeout` bounds the wait for an answer, in seconds.
    Every method raises AtdmClientError: itself where the API refused, AtdmUnreachable where no answer came.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_token: str | None = None,
        *,
        invoker: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        self.settings: Settings = read_settings(api_url, api_token)
        headers = {"X-Atdm-Invoker": (invoker or _current_user()).encode("ascii", "replace").decode()}
        if self.settings.api_token:
            headers["Authorization"] = f"Bearer {self.settings.api_token}"
        self._http: httpx2.Client = httpx2.Client(
            base_url=self.settings.api_url,
            headers=headers,
            # Loading the certificate store takes 100 ms, which a plain HTTP address has no use for.
            verify=not self.settings.api_url.lower().startswith("http://"),
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
        )

    @property
    def api_url(self) -> str:
        """The address of the API, without a trailing slash."""
        return self.settings.api_url

    def audit_url(self, run_id: str) -> str:
        """The address at which the trail of a run can be read; nothing is sent."""
        return f"{self.api_url}{_trail_path(run_id)}"

    def request_scenario(
        self,
        scenario: str,
        *,
        constraints: Mapping[str, object] | None = None,
        domain: str | None = None,
        seed: int | None = None,
        as_of: date | str | None = None,
        ttl_seconds: int | None = None,
        seed_target: bool = True,
        return_playwright_fixture: bool = False,
        return_pytest_fixture: bool = False,
        return_records: bool = False,
        idempotency_key: str | None = None,
    ) -> ScenarioAnswer:
        """Have a scenario planned, generated, validated and written into the target.

        `as_of` is the day every date is relative to (ISO 8601 or a date; default: the UTC day of the run).
        With `seed_target=False` nothing is written. With `return_records` the answer carries the rows by table.
        The same `idempotency_key` and arguments give the first answer again and never seed twice.
        """
        wishes: dict[str, object] = {
            "constraints": dict(constraints) if constraints else None,
            "domain": domain,
            "seed": seed,
            "as_of": as_of.isoformat() if isinstance(as_of, date) else as_of,
            "ttl_seconds": ttl_seconds,
        }
        delivery = {
            "seed_target": seed_target,
            "return_playwright_fixture": return_playwright_fixture,
            "return_pytest_fixture": return_pytest_fixture,
            "return_records": return_records,
        }
        call = _Call(
            "POST",
            "/test-data/requests",
            body={"scenario": scenario, **_given(wishes), "delivery": delivery},
            headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        )
        return cast("ScenarioAnswer", self._call(call))

    def reset_run(self, run_id: str, token: str) -> ResetAnswer:
        """Remove the rows of one run; `token` is the cleanup token of its answer. Repeating it is harmless."""
        path = f"/test-data/runs/{quote(run_id, safe='')}/reset"
        return cast("ResetAnswer", self._call(_Call("POST", path, body={"cleanup_token": token})))

    def get_audit(self, run_id: str) -> AuditTrail:
        """The audit trail of a run."""
        return cast("AuditTrail", self._call(_Call("GET", _trail_path(run_id))))

    def get_scenarios(self) -> ScenarioCatalog:
        """What can be asked for: every scenario, and every constraint with its allowed values."""
        return cast("ScenarioCatalog", self._call(_Call("GET", "/catalog/scenarios")))

    def list_runs(
        self,
        *,
        scenario: str | None = None,
        since: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> RunList:
        """Past runs, newest first, narrowed by scenario, status and `since` (ISO 8601); at most `limit` of them."""
        wishes = {"scenario": scenario, "since": since, "status": status, "limit": limit}
        params = {name: value for name, value in wishes.items() if value is not None}
        return cast("RunList", self._call(_Call("GET", "/catalog/runs", params=params)))

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, call: _Call) -> object:
        """The only door to the network."""
        try:
            response = self._http.request(
                call.method, call.path, json=call.body, params=call.params, headers=call.headers
            )
        except httpx2.RequestError as error:
            raise AtdmUnreachable(_why_unreachable(self.settings, call, error)) from error
        return _read_answer(response)


def _trail_path(run_id: str) -> str:
    return f"/audit/runs/{quote(run_id, safe='')}"


def _given(wishes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in wishes.items() if value is not None}


def _current_user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        name = "unknown"
    return f"human:{name}"


def _why_unreachable(settings: Settings, call: _Call, error: httpx2.RequestError) -> str:
    where = f"{settings.api_url} (from {settings.source})"
    cause = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return f"cannot reach ATDM at {where}: {cause}; start it with `make up` or set ATDM_API_URL"
    if call.method == "GET":
        return f"no answer from {where}: {cause}; try again"
    return f"no answer from {where}: {cause}; it may have been carried out all the same: look at `atdm runs`"


def _read_answer(response: httpx2.Response) -> object:
    """The decoded JSON object of a success; any other answer becomes an error."""
    try:
        body = cast("object", response.json())
    except ValueError:
        body = None
    if isinstance(body, dict):
        answer = cast("dict[str, object]", body)
        if response.is_success:
            return answer
        if isinstance(answer.get("error"), dict):
            raise _refusal(response.status_code, answer)
    message = (
        f"{response.request.url} answered {response.status_code} without ATDM's JSON; "
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
