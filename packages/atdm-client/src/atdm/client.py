"""The client: one pooled connection to the ATDM API, plain dicts back.

with AtdmClient() as client:
    run = client.request_scenario("active_member_clean")
    ...
    client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])

`AsyncAtdmClient` is the same to be awaited. Both only send; what can be asked stands in `calls`, once.
"""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx2

from atdm import calls
from atdm.calls import Call
from atdm.contract import (
    AuditTrail,
    BaselineList,
    DigestAnswer,
    ExtendAnswer,
    RequestOptions,
    ResetAllAnswer,
    ResetAnswer,
    RestoreAnswer,
    RunList,
    ScenarioAnswer,
    ScenarioCatalog,
    SnapshotAnswer,
    VolumeAnswer,
    VolumeOptions,
    VolumeProgress,
)
from atdm.errors import AtdmClientError
from atdm.exchange import Patience, connection, cut_off, lost, read_answer, to_request
from atdm.progress import read_word
from atdm.settings import Settings, read_settings

__all__ = ["AsyncAtdmClient", "AtdmClient"]

Answer = TypeVar("Answer")


class _Addressed:
    """What needs no exchange."""

    settings: Settings
    _timeout: float | None

    @property
    def api_url(self) -> str:
        """The address of the API, without a trailing slash."""
        return self.settings.api_url

    def audit_url(self, run_id: str) -> str:
        """The page that shows the trail of a run to a person; nothing is sent."""
        return f"{self.api_url}{calls.audit_path(run_id)}"

    def with_timeout(self, timeout: float | None) -> Self:
        """The same client, over the same connections, that waits `timeout` seconds for an answer."""
        other = copy.copy(self)
        other._timeout = timeout  # noqa: SLF001 - of this class
        return other


class AtdmClient(_Addressed):
    """A client of one ATDM API; thread-safe, reuses its connections, and is best used as a context manager.

    Address and token come from the arguments or from `read_settings` (environment, then the local stack).
    `invoker` (`human:<name>` or `agent:<id>`) is recorded with each run; by default the user of this machine.
    `timeout` bounds the wait for an answer in seconds, repetitions included; by default 60, and 900 where whole
    tables move. Reads, requests and resets of a run are sent again when their answer is lost; nothing else is.
    Every method raises AtdmClientError: itself where the API refused, AtdmUnreachable where no answer came.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_token: str | None = None,
        *,
        invoker: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self.settings = read_settings(api_url, api_token)
        self._timeout = timeout
        self._http: httpx2.Client = httpx2.Client(**connection(self.settings, invoker))

    def request_scenario(self, scenario: str, **options: Unpack[RequestOptions]) -> ScenarioAnswer:
        """Have a scenario planned, generated, validated and written into the target; options: `RequestOptions`.

        The same `idempotency_key` and options give the first answer again and never seed twice. Without one, each
        call has a key of its own, so that a lost answer can be asked for again.
        """
        return self._send(calls.request_scenario(scenario, **options))

    def create_volume(
        self, domain: str, mix: Mapping[str, int], count: int, **options: Unpack[VolumeOptions]
    ) -> VolumeAnswer:
        """Have `count` bundles written into the target as one run: of each scenario in `mix` its share, by weight.

        Answered when the run is begun; `follow_volume` tells when the rows are there. The same `idempotency_key` and
        arguments give the same run, seed and token again, and never a second volume. Without one, each call has a key
        of its own, so that a lost answer can be asked for again. While the server is busy with another volume, it is
        asked again for as long as the timeout says.
        """
        return self._send(calls.create_volume(domain, mix, count, **options))

    def follow_volume(self, run_id: str) -> Iterator[VolumeProgress]:
        """How far a volume has come, about twice a second, and at last what came of it.

        Raises AtdmClientError where the volume has failed: nothing of it is in the target then.
        """
        call = calls.follow_volume(run_id)
        patience = Patience(call, self._timeout)
        while True:
            try:
                for word in self._words(call, patience):
                    patience = Patience(call, self._timeout)
                    yield word
            except AtdmClientError as error:
                pause = patience.pause(error)
            else:
                return
            time.sleep(pause)

    def reset_run(self, run_id: str, token: str) -> ResetAnswer:
        """Remove the rows of one run; `token` is the cleanup token of its answer. Repeating it is harmless.

        A volume that is still being made is `cancelled`: whoever follows it hears that it is rolled back.
        Where the first answer was lost on the way, the second says `already_cleaned` without counts.
        """
        return self._send(calls.reset_run(run_id, token))

    def extend_run(self, run_id: str, token: str, ttl_seconds: int) -> ExtendAnswer:
        """Let a run live `ttl_seconds` from now, by the target's clock; then the server resets it."""
        return self._send(calls.extend_run(run_id, token, ttl_seconds))

    def reset_all(self) -> ResetAllAnswer:
        """Remove the rows of every run, whoever asked for it. Reference rows stay."""
        return self._send(calls.reset_all())

    def baseline_snapshot(self, baseline_id: str | None = None) -> SnapshotAnswer:
        """Store every table as it is at one moment; without an id the server makes one."""
        return self._send(calls.baseline_snapshot(baseline_id))

    def baseline_restore(self, baseline_id: str | None = None) -> RestoreAnswer:
        """Put every table back as a baseline (default: the latest) holds it, all or nothing."""
        return self._send(calls.baseline_restore(baseline_id))

    def baseline_list(self) -> BaselineList:
        """The stored baselines, newest first."""
        return self._send(calls.baseline_list())

    def get_audit(self, run_id: str) -> AuditTrail:
        """The audit trail of a run, or of a strategy by its `audit_run_id`."""
        return self._send(calls.get_audit(run_id))

    def get_digest(self) -> DigestAnswer:
        """A digest of every table of the target; equal before and after means that nothing was left or lost."""
        return self._send(calls.get_digest())

    def get_scenarios(self) -> ScenarioCatalog:
        """What can be asked for: every scenario, and every constraint with its allowed values."""
        return self._send(calls.get_scenarios())

    def list_runs(
        self,
        *,
        scenario: str | None = None,
        since: datetime | str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> RunList:
        """Past runs, newest first, narrowed by scenario, status and `since` (ISO 8601); at most `limit` of them."""
        return self._send(calls.list_runs(scenario=scenario, since=since, status=status, limit=limit))

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call[Answer]) -> Answer:
        """The only door to the network."""
        patience = Patience(call, self._timeout)
        while True:
            try:
                return self._attempt(call, patience)
            except AtdmClientError as error:
                pause = patience.pause(error)
            time.sleep(pause)

    def _words(self, call: Call[VolumeProgress], patience: Patience) -> Iterator[VolumeProgress]:
        """What a stream of events says, until its last word."""
        try:
            response = self._http.send(to_request(self._http, call, patience), stream=True)
            try:
                if not response.is_success:
                    response.read()
                    read_answer(call, response)
                for line in response.iter_lines():
                    if (word := read_word(line)) is not None:
                        yield word
                        if word["status"] != "open":
                            return
            finally:
                response.close()
        except httpx2.RequestError as error:
            raise lost(self.settings, call, error) from error
        raise cut_off(self.settings)

    def _attempt(self, call: Call[Answer], patience: Patience) -> Answer:
        try:
            response = self._http.send(to_request(self._http, call, patience))
        except httpx2.RequestError as error:
            raise lost(self.settings, call, error) from error
        return read_answer(call, response)


class AsyncAtdmClient(_Addressed):
    """`AtdmClient` to be awaited: the same arguments, methods, answers and errors, for asyncio."""

    def __init__(
        self,
        api_url: str | None = None,
        api_token: str | None = None,
        *,
        invoker: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self.settings = read_settings(api_url, api_token)
        self._timeout = timeout
        self._http: httpx2.AsyncClient = httpx2.AsyncClient(**connection(self.settings, invoker))

    async def request_scenario(self, scenario: str, **options: Unpack[RequestOptions]) -> ScenarioAnswer:
        """See `AtdmClient.request_scenario`."""
        return await self._send(calls.request_scenario(scenario, **options))

    async def create_volume(
        self, domain: str, mix: Mapping[str, int], count: int, **options: Unpack[VolumeOptions]
    ) -> VolumeAnswer:
        """See `AtdmClient.create_volume`."""
        return await self._send(calls.create_volume(domain, mix, count, **options))

    async def follow_volume(self, run_id: str) -> AsyncIterator[VolumeProgress]:
        """See `AtdmClient.follow_volume`."""
        call = calls.follow_volume(run_id)
        patience = Patience(call, self._timeout)
        while True:
            try:
                async for word in self._words(call, patience):
                    patience = Patience(call, self._timeout)
                    yield word
            except AtdmClientError as error:
                pause = patience.pause(error)
            else:
                return
            await asyncio.sleep(pause)

    async def reset_run(self, run_id: str, token: str) -> ResetAnswer:
        """See `AtdmClient.reset_run`."""
        return await self._send(calls.reset_run(run_id, token))

    async def extend_run(self, run_id: str, token: str, ttl_seconds: int) -> ExtendAnswer:
        """See `AtdmClient.extend_run`."""
        return await self._send(calls.extend_run(run_id, token, ttl_seconds))

    async def reset_all(self) -> ResetAllAnswer:
        """See `AtdmClient.reset_all`."""
        return await self._send(calls.reset_all())

    async def baseline_snapshot(self, baseline_id: str | None = None) -> SnapshotAnswer:
        """See `AtdmClient.baseline_snapshot`."""
        return await self._send(calls.baseline_snapshot(baseline_id))

    async def baseline_restore(self, baseline_id: str | None = None) -> RestoreAnswer:
        """See `AtdmClient.baseline_restore`."""
        return await self._send(calls.baseline_restore(baseline_id))

    async def baseline_list(self) -> BaselineList:
        """See `AtdmClient.baseline_list`."""
        return await self._send(calls.baseline_list())

    async def get_audit(self, run_id: str) -> AuditTrail:
        """See `AtdmClient.get_audit`."""
        return await self._send(calls.get_audit(run_id))

    async def get_digest(self) -> DigestAnswer:
        """See `AtdmClient.get_digest`."""
        return await self._send(calls.get_digest())

    async def get_scenarios(self) -> ScenarioCatalog:
        """See `AtdmClient.get_scenarios`."""
        return await self._send(calls.get_scenarios())

    async def list_runs(
        self,
        *,
        scenario: str | None = None,
        since: datetime | str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> RunList:
        """See `AtdmClient.list_runs`."""
        return await self._send(calls.list_runs(scenario=scenario, since=since, status=status, limit=limit))

    async def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call[Answer]) -> Answer:
        """The only door to the network."""
        patience = Patience(call, self._timeout)
        while True:
            try:
                return await self._attempt(call, patience)
            except AtdmClientError as error:
                pause = patience.pause(error)
            await asyncio.sleep(pause)

    async def _words(self, call: Call[VolumeProgress], patience: Patience) -> AsyncIterator[VolumeProgress]:
        """What a stream of events says, until its last word."""
        try:
            response = await self._http.send(to_request(self._http, call, patience), stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    read_answer(call, response)
                async for line in response.aiter_lines():
                    if (word := read_word(line)) is not None:
                        yield word
                        if word["status"] != "open":
                            return
            finally:
                await response.aclose()
        except httpx2.RequestError as error:
            raise lost(self.settings, call, error) from error
        raise cut_off(self.settings)

    async def _attempt(self, call: Call[Answer], patience: Patience) -> Answer:
        try:
            response = await self._http.send(to_request(self._http, call, patience))
        except httpx2.RequestError as error:
            raise lost(self.settings, call, error) from error
        return read_answer(call, response)
