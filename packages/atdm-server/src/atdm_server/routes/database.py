"""The target as a whole: every run taken back at once, and baselines kept and restored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody
from litestar.types import ControllerRouterHandler

from atdm_core import Engine
from atdm_core.values import TableDigest
from atdm_server.errors import ConfirmRequired
from atdm_server.metrics import measured_strategy
from atdm_server.routes.headers import Invoker

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


class BaselineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline by name. Absent: a new name for a snapshot, the latest baseline for a restore."""

    baseline_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None

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
    captured_at: datetime
    tables: Sequence[str]
    row_counts: Mapping[str, int]
    schema_version: str


class RestoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored."""

    strategy: str
    audit_run_id: str
    baseline_id: str
    captured_at: datetime
    restored_at: datetime
    row_counts: Mapping[str, int]


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline that can be restored."""

    baseline_id: str
    captured_at: datetime
    tables: Sequence[str]
    row_counts: Mapping[str, int]
    schema_version: str


class BaselineList(msgspec.Struct, frozen=True):
    """Baselines, newest first."""

    baselines: Sequence[BaselineEntry]


@post("/reset/all", status_code=200)
async def reset_all(
    engine: NamedDependency[Engine],
    invoker: Invoker = "unknown",
    confirm: Annotated[str | None, HeaderParameter(name="X-Confirm")] = None,
) -> ResetAllAnswer:
    """Take every run back at once. Needs `X-Confirm: yes`; rows that all runs share stay."""
    if confirm != "yes":
        raise ConfirmRequired("this deletes the rows of every run; send the header 'X-Confirm: yes' if that is meant")
    with measured_strategy("reset_all"):
        return msgspec.convert(await engine.apply("reset_all", invoker, {}), ResetAllAnswer)


@post("/baseline/snapshot", status_code=201)
async def take_snapshot(
    engine: NamedDependency[Engine],
    data: JSONBody[BaselineChoice | None] = None,
    invoker: Invoker = "unknown",
) -> SnapshotAnswer:
    """Keep every table of the target, in one consistent read, under a new name."""
    options = (data or BaselineChoice()).options()
    with measured_strategy("baseline_snapshot"):
        return msgspec.convert(await engine.apply("baseline_snapshot", invoker, options), SnapshotAnswer)


@post("/baseline/restore", status_code=200)
async def restore_baseline(
    engine: NamedDependency[Engine],
    data: JSONBody[BaselineChoice | None] = None,
    invoker: Invoker = "unknown",
) -> RestoreAnswer:
    """Verify a baseline and replace all rows of the target with it, in one transaction. Twice gives the same state."""
    options = (data or BaselineChoice()).options()
    with measured_strategy("baseline_restore"):
        return msgspec.convert(await engine.apply("baseline_restore", invoker, options), RestoreAnswer)


@get("/digest")
async def read_digest(engine: NamedDependency[Engine]) -> DigestAnswer:
    """What every table of the target holds at one moment; equal digests mean equal rows, whatever their order."""
    return DigestAnswer(await engine.digest())


@get("/baseline/list")
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
