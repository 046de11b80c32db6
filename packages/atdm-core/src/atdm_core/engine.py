"""The engine: from intent to rows and back, speaking to protocols only."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from atdm_core.audit import Clock, Trail, TrailView, run_status, utc_now, view_trail
from atdm_core.catalog import expiry_of
from atdm_core.claiming import claim_key
from atdm_core.errors import (
    AtdmError,
    IdempotencyKeyReused,
    RequestInProgress,
    RunNotFound,
    SeedFailed,
    TrailConflict,
    ValidatorRejected,
)
from atdm_core.expiry import Reaper, extend
from atdm_core.fixtures import FixtureFolder
from atdm_core.ids import check_id
from atdm_core.pack import generate, judge
from atdm_core.protocols import (
    PULSE,
    AuditLog,
    Baselines,
    Brief,
    Catalog,
    Claims,
    Database,
    Order,
    Planner,
    Services,
    Strategy,
    Target,
)
from atdm_core.recovery import GRACE, Recovery
from atdm_core.registry import Registry
from atdm_core.run import Run, keys_made, put_keys
from atdm_core.values import (
    Bundle,
    Caller,
    CatalogQuery,
    CatalogRow,
    Claim,
    Manifest,
    Outcome,
    Request,
    ResetOutcome,
    SeedReceipt,
    TableDigest,
)
from atdm_core.volume_cancel import cancel_volume
from atdm_core.volume_run import ShardMaker, VolumeRuns

__all__ = ["Engine"]

PACE: Final = 5.0  # seconds between two rounds of recovery and expiry, give or take half

_T = TypeVar("_T")
_U = TypeVar("_U")


class Engine:
    """Serves requests and resets. One for the life of a process; what it knows of a run others can find out."""

    def __init__(
        self,
        *,
        registry: Registry,
        planner: Planner,
        target: Target,
        database: Database,
        log: AuditLog,
        catalog: Catalog,
        claims: Claims,
        baselines: Baselines,
        fixtures: FixtureFolder,
        server_key: bytes,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        grace: float = GRACE,
        report: Callable[[str, Exception], None],
    ) -> None:
        """`server_key` makes cleanup tokens. `grace`: seconds (`monotonic`) before a run that was left open is undone.

        `report` is told of every attempt to settle or expire a run that failed, with the run's id where there is one.
        """
        self.registry = registry
        self._planner = planner
        self._target = target
        self._log = log
        self._catalog = catalog
        self._claims = claims
        self._fixtures = fixtures
        self._server_key = server_key
        self._clock = clock
        self._baselines = baselines
        self._services = Services(
            target=target,
            database=database,
            log=log,
            catalog=catalog,
            baselines=baselines,
            clock=clock,
            pulse=min(PULSE, grace / 4),
        )
        self._strategies: dict[str, Strategy] = {}
        self._report = report
        self._recovery = Recovery(self._services, report, grace=grace, monotonic=monotonic)
        self._reaper = Reaper(self._services, report)
        self._volumes: VolumeRuns | None = None
        self._serving: set[str] = set()
        self._sweeping = asyncio.Lock()

    async def request(self, request: Request, caller: Caller) -> Outcome:
        """Serve a request: intent, plan, rows, judgement, record, seed, fixtures, record, answer.

        Raises a `RequestError` when nothing was done, a `TargetError` or `StoreError` when the run was undone. With an
        idempotency key it may then also be that the record stands and its answer was lost: sent again, it is answered.
        """
        run = Run(request, caller, self._server_key, self._clock)
        bundle = await self._made(run)
        with self._live(run.id):
            claim = await self._opened(run, bundle)
            if claim is None or claim.run_id == run.id:
                return await self._served(run, bundle)
        await self._log.note(run.mark("close", "superseded"))
        return await self._repeated(request, caller, claim)

    async def extend(self, run_id: str, token: str, ttl_seconds: int, invoker: str) -> datetime:
        """Let a run live `ttl_seconds` from now; when that is over.

        `RunNotFound`; `TokenMismatch`: recorded; `RunGone` when it has been taken back; a `TargetError`.
        """
        return await extend(self._services, run_id, token, ttl_seconds, invoker)

    async def reset(self, run_id: str, token: str, invoker: str) -> ResetOutcome:
        """Take a run back, also a volume that is still being made.

        `RunNotFound`; `TokenMismatch`: recorded, nothing deleted; a `TargetError`: recorded.
        """
        options = {"run_id": run_id, "cleanup_token": token}
        try:
            answer = await self.apply("reset_run", invoker, options)
        except RunNotFound:
            if await cancel_volume(self._services, self._recovery, run_id, token, invoker):
                if self._volumes is not None:
                    await self._volumes.stop(run_id)
                return ResetOutcome(run_id=run_id, status="cancelled")
            answer = await self.apply("reset_run", invoker, options)  # it may have been decided in between
        return msgspec.convert(answer, ResetOutcome)

    async def apply(self, strategy: str, invoker: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have an installed strategy put the target back; what it answers and raises is its own."""
        if strategy not in self._strategies:
            self._strategies[strategy] = self.registry.strategy(strategy, self._services)
        return await self._strategies[strategy].apply(Order(invoker=invoker, options=options))

    def volumes(self, make: ShardMaker) -> VolumeRuns:
        """The volumes of this process, to be asked for once. `make` makes their rows."""
        self._volumes = VolumeRuns(
            registry=self.registry,
            services=self._services,
            claims=self._claims,
            recovery=self._recovery,
            server_key=self._server_key,
            make=make,
            report=self._report,
        )
        return self._volumes

    async def baselines(self) -> Sequence[Manifest]:
        """All baselines, newest first."""
        return await self._baselines.manifests()

    async def trail(self, run_id: str) -> TrailView:
        """The audit trail of a run or of a strategy; `RunNotFound` when there is none."""
        trail = await self._log.read(check_id(run_id))
        if trail is None or not trail.entries:
            raise RunNotFound(f"no run {run_id!r}; GET /catalog/runs lists the runs", run_id=run_id)
        return view_trail(trail)

    async def strategies(self, limit: int) -> Sequence[TrailView]:
        """The audit trails of the newest strategies on the whole target, newest first."""
        return [view_trail(trail) for trail in await self._log.strategies(limit)]

    async def runs(self, query: CatalogQuery) -> Sequence[CatalogRow]:
        """The catalog's rows that match, newest first."""
        return await self._catalog.runs(query)

    async def check(self) -> None:
        """Return when the target answers; `TargetUnreachable` when it does not."""
        await self._target.check()

    async def digest(self) -> Mapping[str, TableDigest]:
        """The content of every table of the target, at one moment."""
        return await self._services.database.digest()

    async def sweep(self) -> None:
        """One round of recovery and expiry: what processes left behind is settled, what is overdue is taken back."""
        async with self._sweeping:  # two rounds at once would settle the same runs, on the same trails
            for sweep in (self._recovery.sweep, self._reaper.sweep):
                try:
                    await sweep()
                except Exception as error:  # noqa: BLE001 - whatever it was, the next round comes
                    self._report("", error)

    async def keep_sweeping(self, pace: float = PACE, tell: Callable[[int], None] = lambda _: None) -> None:
        """Sweep round by round until cancelled. Every process does; none of them leads.

        `tell` hears after each how many runs and strategies stand open for longer than they may.
        """
        while True:
            await self.sweep()
            tell(self._recovery.overdue)
            await asyncio.sleep(pace * random.uniform(0.5, 1.5))  # noqa: S311 - only so that processes do not march in step

    async def close(self) -> int:
        """Stop what runs in the background; the events that were never stored, which is 0 on a good day."""
        return await self._recovery.close()

    async def _made(self, run: Run) -> Bundle:
        """The run's bundle, planned, generated and found to be valid; `ValidatorRejected`: recorded."""
        pack = self.registry.pack_for(run.request)
        plan = await self._planner.plan(Brief(pack=pack, request=run.request, seed=run.seed, as_of=run.as_of))
        run.planned(plan)
        bundle = generate(pack, plan, run.id)
        findings = judge(pack, plan, bundle)
        if all(finding.ok for finding in findings):
            run.validated(findings)
            return bundle
        run.rejected(findings)
        await self._log.append(run.trail.unstored())
        await self._catalog.record(run.catalog_row())
        await self._log.note(run.mark("denied", "rejected", run.trail.head.hex()))
        broken = [finding for finding in findings if not finding.ok]
        raise ValidatorRejected(
            " ".join(f"{finding.validator}: {finding.message}" for finding in broken) + " Change the constraints.",
            run_id=run.id,
            validators=[finding.validator for finding in broken],
            validator_decisions=msgspec.to_builtins(broken),
            constraints=dict(plan.constraints),
        )

    async def _opened(self, run: Run, bundle: Bundle) -> Claim | None:
        """Note that the run is about to touch the target, and claim its idempotency key; the claim that holds it."""
        run.seeding(bundle)
        noted = self._log.note(run.open_mark())
        if run.caller.idempotency_key is None:
            await noted
            return None
        try:
            holder, _ = await _both(claim_key(self._claims, run, run.caller.idempotency_key), noted)
        except IdempotencyKeyReused:
            await self._log.note(run.mark("close", "superseded"))
            raise
        return holder

    async def _served(self, run: Run, bundle: Bundle) -> Outcome:
        """Seed, hand over, record. Whatever fails, the run is undone."""
        fixtures = self._fixtures.paths(run.plan.scenario_id, run.id, run.request.delivery)
        row = run.catalog_row(run.outcome(bundle, fixtures))
        recording = asyncio.ensure_future(self._catalog.record(row))
        try:
            run.seeded(bundle, await self._seeded(run, bundle))
            outcome = run.outcome(bundle, fixtures)
            async with self._fixtures.written(run.plan.scenario_id, outcome, bundle):
                run.recorded(outcome)
                if recording.done():
                    await recording  # a run whose row could not be stored is not made ready first
                answer, _ = await _both(self._decided(run, outcome), recording)
        except BaseException as error:  # a cancelled request leaves no rows either
            run.failed(error)
            await asyncio.shield(self._undone(run, row, recording))
            if isinstance(error, AtdmError):
                error.run_id = run.id
            raise
        await self._log.note(run.mark("close", "ready", answer.audit_head))
        if run.trail.is_decided:
            self._services.recent.keep(row, run.trail)
        return answer

    async def _undone(self, run: Run, row: CatalogRow, recording: Awaitable[None]) -> None:
        """Undo the run, once its row is stored or cannot be."""
        await asyncio.gather(recording, return_exceptions=True)
        await self._recovery.undo(run.trail, row, keyed=run.caller.idempotency_key is not None)

    async def _seeded(self, run: Run, bundle: Bundle) -> SeedReceipt | None:
        if not run.request.delivery.seed_target:
            return None
        return await self._target.seed(bundle, run.request.ttl_seconds)

    async def _decided(self, run: Run, outcome: Outcome) -> Outcome:
        """Create the run object. Where another process has decided the run, its trail says when, and how."""
        try:
            await self._log.append(run.trail.unstored())
        except TrailConflict:
            # A retry that carried the run on, or recovery, which took this process for dead.
            trail = await self._log.read(run.id)
            if trail is None:
                raise
            return _as_decided(outcome, trail)
        run.trail.mark_stored()
        return msgspec.structs.replace(outcome, audit_head=run.trail.head.hex())

    async def _repeated(self, request: Request, caller: Caller, claim: Claim) -> Outcome:
        """Answer a request whose idempotency key is taken: as it was answered, or by carrying on what was cut off."""
        if claim.run_id in self._serving:
            raise RequestInProgress(
                "the request with this Idempotency-Key has not finished; send it again a little later",
                run_id=claim.run_id,
            )
        with self._live(claim.run_id):
            trail, row = await asyncio.gather(self._log.read(claim.run_id), self._catalog.find(claim.run_id))
            if trail is not None:
                answer = await self._answer_of(trail, row, Run(request, caller, self._server_key, self._clock, claim))
                if run_status(trail.events) == "ready" and self._fixtures.lacks(answer):
                    # The first attempt was taken for failed, though its record had reached the store.
                    run = Run(request, caller, self._server_key, self._clock, claim)
                    bundle = await self._made(run)
                    async with self._fixtures.written(run.plan.scenario_id, answer, bundle):
                        pass
                return answer
            # The process that claimed the key died, or is still at it elsewhere. The same run is made again: the
            # target takes equal rows for the same seed, and only one of us can create the run object.
            run = Run(request, caller, self._server_key, self._clock, claim)
            bundle = await self._made(run)
            run.seeding(bundle)
            await self._log.note(run.open_mark())
            return await self._served(run, bundle)

    async def _answer_of(self, trail: Trail, row: CatalogRow | None, run: Run) -> Outcome:
        """What a decided run was answered with, or would have been; `SeedFailed` when it was rolled back."""
        if row is not None and row.answer:
            outcome = msgspec.json.decode(row.answer, type=Outcome)
            cleanup = msgspec.structs.replace(outcome.cleanup, cleanup_token=run.token)
            keys = keys_made(trail.events)
            data, records = put_keys(outcome.data, keys), put_keys(outcome.records, keys)
            return _as_decided(msgspec.structs.replace(outcome, data=data, records=records, cleanup=cleanup), trail)
        _check_kept(trail)
        # Its process died, or lost the store, between record and row: the same bundle makes the same answer.
        bundle = await self._made(run)
        run.decided(trail)
        outcome = run.outcome(bundle, self._fixtures.paths(run.plan.scenario_id, run.id, run.request.delivery))
        await self._catalog.record(run.catalog_row(outcome))
        return _as_decided(outcome, trail)

    @contextmanager
    def _live(self, run_id: str) -> Generator[None]:
        self._serving.add(run_id)
        try:
            yield
        finally:
            self._serving.discard(run_id)


def _as_decided(outcome: Outcome, trail: Trail) -> Outcome:
    """The answer, with what the stored trail tells of its head and its time; `SeedFailed` when it was rolled back."""
    _check_kept(trail)
    head = next(entry.hash for entry in trail.entries if entry.event.action == "catalog_recorded")
    cleanup = msgspec.structs.replace(outcome.cleanup, expires_at=expiry_of(trail.events))
    return msgspec.structs.replace(outcome, cleanup=cleanup, audit_head=head.hex())


def _check_kept(trail: Trail) -> None:
    """`SeedFailed` when the run was rolled back."""
    if run_status(trail.events) in ("rolled_back", "rejected"):
        raise SeedFailed("this request was rolled back; send it again with a new Idempotency-Key", run_id=trail.run_id)


async def _both(first: Awaitable[_T], second: Awaitable[_U]) -> tuple[_T, _U]:
    """Both results; the first error, once both have ended."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # pyright: ignore[reportReturnType]
