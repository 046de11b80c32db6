"""A run in the making: its identity, its trail, and the values that the engine stores and answers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal

import msgspec

from atdm_core.audit import Clock, Mark, Trail
from atdm_core.catalog import catalog_row
from atdm_core.draw import Seed
from atdm_core.errors import AtdmError
from atdm_core.ids import cleanup_token, derive_seed, new_id, token_sha256
from atdm_core.values import (
    Bundle,
    Caller,
    CatalogRow,
    Claim,
    Cleanup,
    Event,
    Finding,
    FixturePaths,
    Outcome,
    Plan,
    Request,
    SeedReceipt,
)

__all__ = ["Run", "cause_of", "keys_made", "put_keys"]


class Run:
    """One request on its way. Each method records one event of the trail, or makes one value of what is known."""

    def __init__(
        self, request: Request, caller: Caller, server_key: bytes, clock: Clock, claim: Claim | None = None
    ) -> None:
        """`claim`: the run is carried on for a process that claimed its idempotency key and did not end it."""
        self.id = claim.run_id if claim else new_id()
        self.request_id = f"tdr_{self.id}"
        self.request = request
        self.caller = caller
        self.started_at: datetime = clock()
        self.seed: Seed = derive_seed(self.id) if request.seed is None else request.seed
        self.as_of: date = request.as_of or (claim.as_of if claim else self.started_at.date())
        self.token = cleanup_token(server_key, self.id)
        self.request_sha256 = sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
        self.plan: Plan
        self.expires_at: datetime | None = None
        self.row_counts: Mapping[str, int] = {}
        self.keys: Mapping[str, Any] = {}
        self.trail = Trail(self.id, clock)
        self._clock = clock
        self._record(
            "request_received",
            inputs={"request": msgspec.to_builtins(request), "request_id": self.request_id},
        )

    def planned(self, plan: Plan) -> None:
        """The planner has chosen the steps."""
        self.plan = plan
        tools = [f"planner.{plan.planner_mode}"]
        self._record("plan_resolved", tools_called=tools, outputs={"plan": msgspec.to_builtins(plan)})

    def validated(self, findings: Sequence[Finding]) -> None:
        """All validators passed."""
        self._judged("validators_passed", findings, status="ok", reviewer_decision="approved")

    def rejected(self, findings: Sequence[Finding]) -> None:
        """A validator found the bundle to break its rule."""
        self._judged("plan_rejected", findings, status="rejected", reviewer_decision="rejected")

    def seeding(self, bundle: Bundle) -> None:
        """The bundle goes to the target, if it is to."""
        if not self.request.delivery.seed_target:
            return
        counts = {name: len(table) for name, table in bundle.whole().items()}
        self._record("seed_started", tools_called=["target.seed"], inputs={"row_counts": counts})

    def seeded(self, bundle: Bundle, receipt: SeedReceipt | None) -> None:
        """The target has committed the bundle; None: it was not to."""
        if receipt is None:
            return
        self.expires_at = receipt.expires_at
        self.row_counts = receipt.row_counts
        self.keys = receipt.keys
        created = [
            {"table_name": name, "primary_key": put_keys(row[table.entity.key], receipt.keys)}
            for name, table in bundle.whole().items()
            for row in table.rows()
        ]
        outputs = {
            "row_counts": dict(receipt.row_counts),
            "records_created": created,
            "expires_at": receipt.expires_at,
        }
        if receipt.keys:
            outputs["keys"] = dict(receipt.keys)
        self._record("seed_completed", outputs=outputs)

    def failed(self, error: BaseException, cause: Mapping[str, Any] | None = None) -> None:
        """Something failed after the run was opened: where it is not decided yet, the failure is recorded.

        `cause`: what to record, where the error itself says less.
        """
        if self.trail.is_decided:
            return
        self.trail.withdraw("fixtures_emitted")
        self._record("seed_failed", status="rolled_back", outputs={"error": cause or cause_of(error)})

    def recorded(self, outcome: Outcome) -> None:
        """The fixtures are written, and the catalog row goes out with the trail."""
        self._record("fixtures_emitted", outputs={"paths": outcome.fixtures.written()})
        self._record("catalog_recorded", outputs={"status": outcome.status})

    def decided(self, trail: Trail) -> None:
        """Another process has decided the run, and this is its trail."""
        self.trail = trail
        self.keys = keys_made(trail.events)

    def outcome(self, bundle: Bundle, fixtures: FixturePaths) -> Outcome:
        """The answer, but for the head of the trail, which is not final yet."""
        return Outcome(
            request_id=self.request_id,
            test_run_id=self.id,
            status="ready",
            data=put_keys(bundle.data(), self.keys),
            fixtures=fixtures,
            cleanup=Cleanup(self.token, f"/test-data/runs/{self.id}/reset", self.expires_at),
            seed=self.seed,
            as_of=self.as_of,
            audit_head="",
            records=put_keys(bundle.records(), self.keys) if self.request.delivery.return_records else msgspec.UNSET,
        )

    def catalog_row(self, outcome: Outcome | None = None) -> CatalogRow:
        """The run's row of the catalog; `outcome` as far as it is known."""
        cleanup = outcome and msgspec.structs.replace(outcome.cleanup, cleanup_token="")
        answer = outcome and msgspec.json.encode(msgspec.structs.replace(outcome, cleanup=cleanup)).decode()
        return catalog_row(self.trail, token_sha256(self.token), answer or "")

    def claim(self, key: str) -> Claim:
        """The claim of the caller's idempotency key for this run."""
        key_sha256 = sha256(msgspec.json.encode([self.caller.principal, key])).hexdigest()
        return Claim(key_sha256=key_sha256, run_id=self.id, request_sha256=self.request_sha256, as_of=self.as_of)

    def open_mark(self) -> Mark:
        """The mark that the run is about to touch the target, with all that is recorded of it so far."""
        return Mark(
            kind="open",
            run_id=self.id,
            at=self._clock(),
            invoker=self.caller.invoker,
            request_sha256=self.request_sha256,
            token_sha256=token_sha256(self.token),
            state="seeding",
            bodies=tuple(entry.body.decode() for entry in self.trail.entries),
        )

    def mark(self, kind: Literal["close", "denied"], state: str, head: str | None = None) -> Mark:
        """The mark that the request has ended in `state`; `head`: of the stored trail, which may be another's."""
        return Mark(
            kind=kind,
            run_id=self.id,
            at=self._clock(),
            invoker=self.caller.invoker,
            state=state,
            row_counts=dict(self.row_counts),
            head=head,
        )

    def _judged(self, action: str, findings: Sequence[Finding], **event: Any) -> None:
        outputs = {"validator_decisions": msgspec.to_builtins(list(findings))}
        self._record(action, tools_called=[f.validator for f in findings], outputs=outputs, **event)

    def _record(self, action: str, **event: Any) -> None:
        self.trail.record(action, invoker=self.caller.invoker, **event)


def cause_of(error: BaseException) -> Mapping[str, Any]:
    """What a trail says of an error that ended a run."""
    if isinstance(error, AtdmError):
        return {"code": error.code, "message": error.message, "details": dict(error.details)}
    return {"code": "INTERNAL_ERROR", "message": f"{type(error).__name__} while the run was being served"}


def put_keys(value: Any, keys: Mapping[str, Any]) -> Any:
    """The value with the real `keys` of a `SeedReceipt` in place of symbolic ones, in mappings and sequences too."""
    if not keys:
        return value
    match value:
        case str():
            return keys.get(value, value)
        case Mapping():
            return {name: put_keys(held, keys) for name, held in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list() | tuple():
            return [put_keys(held, keys) for held in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def keys_made(events: Sequence[Event]) -> Mapping[str, Any]:
    """The real keys by their symbols, as a run's trail tells them."""
    for event in events:
        if event.action == "seed_completed" and "keys" in event.outputs:
            return event.outputs["keys"]
    return {}
