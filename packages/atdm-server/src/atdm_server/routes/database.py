"""The target as a whole: every run taken back at once, and baselines kept and restored."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import RawBody
from litestar.types import ControllerRouterHandler

from atdm_core import Engine, errors
from atdm_core.ids import ID_FORM
from atdm_core.values import Moment, TableDigest
from atdm_server.errors import ConfirmRequired
from atdm_server.metrics import measured_strategy
from atdm_server.routes.bodies import read_body
from atdm_server.routes.headers import Confirm, Invoker

__all__ = [
    "BaselineChoice",
    "BaselineEntry",
    "BaselineList",
    "DigestAnswer",
    "ResetAllAnswer",
    "RestoreAnswer",
    "SnapshotAnswer",
    "database_reads",
    "database_routes",
]


# The engine checks the form and says more than "does not match"; here it is only told.
BaselineId: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, extra_json_schema={"pattern": f"^{ID_FORM}$"})
]


class BaselineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline by name. Absent: a new name for a snapshot, the latest baseline for a restore."""

    baseline_id: BaselineId | None = None

    def options(self) -> dict[str, str]:
        """What a strategy is told."""
        return {} if self.baseline_id is None else {"baseline_id": self.baseline_id}


class DigestAnswer(msgspec.Struct, frozen=True):
    """The content of every table."""

    tables: Mapping[str, TableDigest]


class ResetAllAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted, by table and in all. The audit run is the trail of the strategy."""

    strategy: str
    audit_run_id: str
    deleted_counts: Mapping[str, int]
    cleared_record_count: int


class SnapshotAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept."""

    strategy: str
    audit_run_id: str
    baseline_id: str
    captured_at: Moment
    tables: Sequence[str]
    row_counts: Mapping[str, int]
    schema_version: str


class RestoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored."""

    strategy: str
    audit_run_id: str
    baseline_id: str
    captured_at: Moment
    restored_at: Moment
    row_counts: Mapping[str, int]


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline that can be restored."""

    baseline_id: str
    captured_at: Moment
    tables: Sequence[str]
    row_counts: Mapping[str, int]
    schema_version: str


class BaselineList(msgspec.Struct, frozen=True):
    """Baselines, newest first."""

    baselines: Sequence[BaselineEntry]


@post(
    "/reset/all",
    status_code=200,
    refusals=(ConfirmRequired, errors.ResetFailed, errors.TargetUnreachable, errors.StoreUnavailable),
)
async def reset_all(
    engine: NamedDependency[Engine],
    invoker: Invoker = "unknown",
    confirm: Confirm = None,
) -> ResetAllAnswer:
    """Take every run back at once. Needs `X-Confirm: yes`; rows that all runs share stay."""
    if confirm != "yes":
        raise ConfirmRequired("this deletes the rows of every run; send the header 'X-Confirm: yes' if that is meant")
    with measured_strategy("reset_all"):
        return msgspec.convert(await engine.apply("reset_all", invoker, {}), ResetAllAnswer)


@post(
    "/baseline/snapshot",
    status_code=201,
    body=BaselineChoice,
    refusals=(errors.BaselineExists, errors.SnapshotFailed, errors.TargetUnreachable, errors.StoreUnavailable),
)
async def take_snapshot(
    engine: NamedDependency[Engine],
    body: RawBody,
    invoker: Invoker = "unknown",
) -> SnapshotAnswer:
    """Keep every table of the target, in one consistent read, under a new name."""
    options = read_body(body or b"{}", BaselineChoice).options()
    with measured_strategy("baseline_snapshot"):
        return msgspec.convert(await engine.apply("baseline_snapshot", invoker, options), SnapshotAnswer)


@post(
    "/baseline/restore",
    status_code=200,
    body=BaselineChoice,
    refusals=(
        errors.BaselineNotFound,
        errors.NoBaseline,
        errors.BaselineSchemaDrift,
        errors.BaselineDamaged,
        errors.RestoreFailed,
        errors.TargetUnreachable,
        errors.StoreUnavailable,
    ),
)
async def restore_baseline(
    engine: NamedDependency[Engine],
    body: RawBody,
    invoker: Invoker = "unknown",
) -> RestoreAnswer:
    """Verify a baseline and replace all rows of the target with it, in one transaction. Twice gives the same state."""
    options = read_body(body or b"{}", BaselineChoice).options()
    with measured_strategy("baseline_restore"):
        return msgspec.convert(await engine.apply("baseline_restore", invoker, options), RestoreAnswer)


@get("/digest", refusals=(errors.SnapshotFailed, errors.TargetUnreachable))
async def read_digest(engine: NamedDependency[Engine]) -> DigestAnswer:
    """What every table of the target holds at one moment; equal digests mean equal rows, whatever their order."""
    return DigestAnswer(await engine.digest())


@get("/baseline/list", refusals=(errors.StoreUnavailable,))
async def list_baselines(engine: NamedDependency[Engine]) -> BaselineList:
    """The baselines that can be restored, newest first."""
    return BaselineList(
        [
            BaselineEntry(
                baseline_id=manifest.baseline_id,
                captured_at=manifest.captured_at,
                tables=list(manifest.files),
                row_counts=manifest.row_counts(),
                schema_version=manifest.schema_version,
            )
            for manifest in await engine.baselines()
        ]
    )


database_routes: list[ControllerRouterHandler] = [reset_all, take_snapshot, restore_baseline]
database_reads: list[ControllerRouterHandler] = [list_baselines, read_digest]
