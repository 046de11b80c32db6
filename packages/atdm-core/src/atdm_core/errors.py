"""Every error ATDM raises, as one tree.

    AtdmError
    ├── RequestError                the request cannot be served as it stands
    │   ├── InvalidRequest
    │   ├── DomainNotFound
    │   ├── ScenarioNotFound
    │   ├── UnknownConstraint
    │   ├── InvalidConstraint
    │   ├── InvalidDraws
    │   ├── ValidatorRejected
    │   ├── IdempotencyKeyReused
    │   ├── RequestInProgress
    │   ├── TooManyRequests
    │   └── LlmModeNotEnabled
    ├── RunError                    the run that was named cannot be served
    │   ├── RunNotFound
    │   ├── RunGone
    │   └── TokenMismatch
    ├── BaselineError               the baseline that was named cannot be used
    │   ├── BaselineExists
    │   ├── BaselineNotFound
    │   ├── NoBaseline
    │   ├── BaselineSchemaDrift
    │   └── BaselineDamaged
    ├── TargetError                 the system under test
    │   ├── TargetUnreachable
    │   ├── SeedFailed
    │   ├── ResetFailed
    │   ├── SnapshotFailed
    │   └── RestoreFailed
    ├── StoreError                  the audit log and the catalog
    │   ├── StoreUnavailable
    │   ├── TrailConflict
    │   └── TrailBroken
    └── PackError                   a pack, at load or at work
        ├── PackNotFound
        ├── PackInvalid
        ├── ScenarioInvalid
        └── GeneratorFailed

`code` is the stable name that programs branch on; the message is one sentence that says what to do.
"""

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "AtdmError",
    "BaselineDamaged",
    "BaselineError",
    "BaselineExists",
    "BaselineNotFound",
    "BaselineSchemaDrift",
    "DomainNotFound",
    "GeneratorFailed",
    "IdempotencyKeyReused",
    "InvalidConstraint",
    "InvalidDraws",
    "InvalidRequest",
    "LlmModeNotEnabled",
    "NoBaseline",
    "PackError",
    "PackInvalid",
    "PackNotFound",
    "RequestError",
    "RequestInProgress",
    "ResetFailed",
    "RestoreFailed",
    "RunError",
    "RunGone",
    "RunNotFound",
    "ScenarioInvalid",
    "ScenarioNotFound",
    "SeedFailed",
    "SnapshotFailed",
    "StoreError",
    "StoreUnavailable",
    "TargetError",
    "TargetUnreachable",
    "TokenMismatch",
    "TooManyRequests",
    "TrailBroken",
    "TrailConflict",
    "UnknownConstraint",
    "ValidatorRejected",
]


class AtdmError(Exception):
    """The root: a code, a sentence, structured details, and the run it belongs to where there is one."""

    code: ClassVar[str] = "ATDM_ERROR"

    def __init__(self, message: str, *, run_id: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.run_id = run_id
        self.details: Mapping[str, object] = details


class RequestError(AtdmError):
    """The request cannot be served as it stands; the caller can change it."""

    code = "REQUEST_ERROR"


class InvalidRequest(RequestError):
    """The request is not of the right shape."""

    code = "INVALID_REQUEST"


class DomainNotFound(RequestError):
    """No installed pack has this name."""

    code = "DOMAIN_NOT_FOUND"


class ScenarioNotFound(RequestError):
    """The pack has no scenario of this name."""

    code = "SCENARIO_NOT_FOUND"


class UnknownConstraint(RequestError):
    """The pack has no constraint of this name."""

    code = "UNKNOWN_CONSTRAINT"


class InvalidConstraint(RequestError):
    """The value is not one that the constraint allows."""

    code = "INVALID_CONSTRAINT"


class InvalidDraws(RequestError):
    """The seed is a list of draws, and not one that this bundle is made of."""

    code = "INVALID_DRAWS"


class ValidatorRejected(RequestError):
    """The planned bundle breaks a rule of the pack; nothing was written."""

    code = "VALIDATOR_REJECTED"


class IdempotencyKeyReused(RequestError):
    """The idempotency key already belongs to another request body."""

    code = "IDEMPOTENCY_KEY_REUSED"


class RequestInProgress(RequestError):
    """Another request with this idempotency key has not finished."""

    code = "REQUEST_IN_PROGRESS"


class TooManyRequests(RequestError):
    """The server is asked for more than it can do; the header `Retry-After` says when to come again."""

    code = "TOO_MANY_REQUESTS"


class LlmModeNotEnabled(RequestError):
    """The server was configured for the language-model planner, which is not built in."""

    code = "LLM_MODE_NOT_ENABLED"


class RunError(AtdmError):
    """The run that was named cannot be served."""

    code = "RUN_ERROR"


class RunNotFound(RunError):
    """No run has this id."""

    code = "RUN_NOT_FOUND"


class RunGone(RunError):
    """The run has been taken back, or its time was up."""

    code = "RUN_GONE"


class TokenMismatch(RunError):
    """The cleanup token does not belong to this run; nothing was deleted."""

    code = "TOKEN_MISMATCH"


class BaselineError(AtdmError):
    """The baseline that was named cannot be used."""

    code = "BASELINE_ERROR"


class BaselineExists(BaselineError):
    """A baseline of this name exists, and none is overwritten."""

    code = "BASELINE_EXISTS"


class BaselineNotFound(BaselineError):
    """No baseline has this name."""

    code = "BASELINE_NOT_FOUND"


class NoBaseline(BaselineError):
    """The latest baseline was asked for, and there is none."""

    code = "NO_BASELINE"


class BaselineSchemaDrift(BaselineError):
    """The target's schema is not the one the baseline was taken of."""

    code = "BASELINE_SCHEMA_DRIFT"


class BaselineDamaged(BaselineError):
    """The stored tables are not those that the manifest describes; nothing was restored."""

    code = "BASELINE_DAMAGED"


class TargetError(AtdmError):
    """The system under test did not do what it was asked."""

    code = "TARGET_ERROR"


class TargetUnreachable(TargetError):
    """The target did not answer: down, or too slow."""

    code = "TARGET_UNREACHABLE"


class SeedFailed(TargetError):
    """The target answered, and refused the bundle."""

    code = "SEED_FAILED"


class ResetFailed(TargetError):
    """The target answered, and did not delete the run's rows."""

    code = "RESET_FAILED"


class SnapshotFailed(TargetError):
    """The target answered, and did not export its tables."""

    code = "SNAPSHOT_FAILED"


class RestoreFailed(TargetError):
    """The target answered, and did not restore the tables; they are as they were."""

    code = "RESTORE_FAILED"


class StoreError(AtdmError):
    """The audit log or the catalog did not do what it was asked."""

    code = "STORE_ERROR"


class StoreUnavailable(StoreError):
    """The object store did not answer, or refused."""

    code = "STORE_UNAVAILABLE"


class TrailConflict(StoreError):
    """Someone else has written this part of the trail: read it again and decide anew."""

    code = "TRAIL_CONFLICT"


class TrailBroken(StoreError):
    """The stored events do not form the chain they claim to be."""

    code = "TRAIL_BROKEN"


class PackError(AtdmError):
    """A pack is at fault; its author can mend it."""

    code = "PACK_ERROR"


class PackNotFound(PackError):
    """No pack of this name is installed."""

    code = "PACK_NOT_FOUND"


class PackInvalid(PackError):
    """The parts of a pack do not fit together."""

    code = "PACK_INVALID"


class ScenarioInvalid(PackError):
    """A scenario file says something that its pack does not know."""

    code = "SCENARIO_INVALID"


class GeneratorFailed(PackError):
    """A generator returned rows that its entity does not allow."""

    code = "GENERATOR_FAILED"
