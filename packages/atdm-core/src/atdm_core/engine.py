"""The engine: from intent to rows and back, speaking to protocols only."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import msgspec

from atdm_core.audit import Clock, TrailView, run_status, utc_now, view_trail
from atdm_core.errors import (
    AtdmError,
    IdempotencyKeyReused,
    RequestInProgress,
    RunNotFound,
    SeedFailed,
    ValidatorRejected,
)
from atdm_core.fixtures import FixtureFolder
from atdm_core.ids import check_id, cleanup_token
from atdm_core.pack import generate, judge
from atdm_core.protocols import (
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
from atdm_core.registry import Registry
from atdm_core.run import Run
from atdm_core.undo import Undo
from atdm_core.values import (
    Caller,
    CatalogQuery,
    CatalogRow,
    Claim,
    Finding,
    Manifest,
    Outcome,
    Plan,
    Request,
    ResetOutcome,
)

__all__ = ["Engine"]


class Engine:
    """Serves requests and resets. One for the life of a process; it keeps no state of a run."""

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
        report: Callable[[str, AtdmError], None],
    ) -> None:
        """`server_key` makes cleanup tokens; `report` is told of every failed attempt to undo a run."""
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
            target=target, database=database, log=log, catalog=catalog, baselines=baselines, clock=clock
        )
        self._strategies: dict[str, Strategy] = {}
        self._undo = Undo(self._services, report)

    async def request(self, request: Request, caller: Caller) -> Outcome:
        """Serve a request: intent, plan, rows, judgement, record, seed, fixtures, record, answer.

        Raises a `RequestError` when nothing was done, a `TargetError` or `StoreError` when the run was undone.
        """
        pack = self.registry.pack_for(request)
        run = Run(request, caller, self._server_key, self._clock)
        plan = await self._planner.plan(Brief(pack=pack, request=request, seed=run.seed, as_of=run.as_of))
        run.planned(plan)
        bundle = generate(pack, plan, run.id)
        findings = judge(pack, plan, bundle)
        if not all(finding.ok for finding in findings):
            raise await self._rejection(run, plan, findings)
        run.validated(findings)
        if caller.idempotency_key and (owner := await self._claimed_by_another(run, caller.idempotency_key)):
            return await self._answer_again(owner)
        async with self._undone_on_failure(run, plan):
            await self._log.note(run.open_mark())
            if request.delivery.seed_target:
                run.seeding(bundle)
                run.seeded(bundle, await self._target.seed(bundle, request.ttl_seconds))
            outcome = run.outcome(bundle, self._fixtures.paths(plan.scenario_id, run.id, request.delivery))
            async with self._fixtures.written(plan.scenario_id, outcome, bundle):
                run.recorded(outcome)
                outcome = msgspec.structs.replace(outcome, audit_head=run.trail.head.hex())
                await self._record(run, run.catalog_row(plan, "ready", outcome))
        await self._log.note(run.close_mark("ready"))
        return outcome

    async def reset(self, run_id: str, token: str, invoker: str) -> ResetOutcome:
        """Take a run back. `RunNotFound`; `TokenMismatch`: recorded, nothing deleted; a `TargetError`: recorded."""
        answer = await self.apply("reset_run", invoker, {"run_id": run_id, "cleanup_token": token})
        return msgspec.convert(answer, ResetOutcome)

    async def apply(self, strategy: str, invoker: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have an installed strategy put the target back; what it answers and raises is its own."""
        if strategy not in self._strategies:
            self._strategies[strategy] = self.registry.strategy(strategy, self._services)
        return await self._strategies[strategy].apply(Order(invoker=invoker, options=options))

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

    async def close(self) -> int:
        """Stop what runs in the background; the events that were never stored, which is 0 on a good day."""
        return await self._undo.close()

    async def _record(self, run: Run, row: CatalogRow) -> None:
        """Store trail and catalog row side by side; both have ended when this returns or raises."""
        part = run.trail.unstored()
        results = await asyncio.gather(self._log.append(part), self._catalog.record(row), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        run.trail.mark_stored()

    async def _rejection(self, run: Run, plan: Plan, findings: Sequence[Finding]) -> ValidatorRejected:
        run.rejected(findings)
        await self._record(run, run.catalog_row(plan, "rejected"))
        broken = [finding for finding in findings if not finding.ok]
        return ValidatorRejected(
            " ".join(f"{finding.validator}: {finding.message}" for finding in broken) + " Change the constraints.",
            run_id=run.id,
            validators=[finding.validator for finding in broken],
            validator_decisions=msgspec.to_builtins(broken),
            constraints=dict(plan.constraints),
        )

    @asynccontextmanager
    async def _undone_on_failure(self, run: Run, plan: Plan) -> AsyncGenerator[None]:
        try:
            yield
        except BaseException as error:  # a cancelled request leaves no rows either
            run.failed(error)
            await asyncio.shield(self._undo.start(run.trail, run.catalog_row(plan, "rolled_back")))
            if isinstance(error, AtdmError):
                error.run_id = run.id
            raise

    async def _claimed_by_another(self, run: Run, key: str) -> str | None:
        """The run that holds the idempotency key, unless it is this one, which holds it from now on."""
        key_sha256 = sha256(msgspec.json.encode([run.caller.principal, key])).hexdigest()
        claim = Claim(key_sha256=key_sha256, run_id=run.id, request_sha256=run.request_sha256)
        holder = await self._claims.claim(claim)
        if holder.request_sha256 != claim.request_sha256:
            raise IdempotencyKeyReused(
                "this Idempotency-Key was sent with another request body; use a new key", run_id=holder.run_id
            )
        return None if holder.run_id == run.id else holder.run_id

    async def _answer_again(self, run_id: str) -> Outcome:
        trail, row = await self._log.read(run_id), await self._catalog.find(run_id)
        if trail is None or row is None:
            raise RequestInProgress(
                "the request with this Idempotency-Key has not finished; send it again a little later",
                run_id=run_id,
            )
        if run_status(trail.events) == "rolled_back" or not row.answer:
            raise SeedFailed(
                "the request with this Idempotency-Key was rolled back; send it again with a new key",
                run_id=run_id,
            )
        outcome = msgspec.json.decode(row.answer, type=Outcome)
        token = cleanup_token(self._server_key, run_id)
        return msgspec.structs.replace(outcome, cleanup=msgspec.structs.replace(outcome.cleanup, cleanup_token=token))
