"""The values that travel through ATDM: frozen structs, which are the wire format as they stand."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Struct, field

from atdm_core.columns import take, values
from atdm_core.draw import LARGEST_BOUND, LARGEST_SEED, Seed
from atdm_core.errors import InvalidRequest
from atdm_core.table import Table

__all__ = [
    "AS_OF_FORM",
    "KEYS_TOLD",
    "Bundle",
    "Caller",
    "CatalogEntry",
    "CatalogQuery",
    "CatalogRow",
    "Claim",
    "Cleanup",
    "ConstraintValue",
    "Deletion",
    "Delivery",
    "Event",
    "Finding",
    "FixturePaths",
    "LedgerEntry",
    "Manifest",
    "Moment",
    "Outcome",
    "Plan",
    "Records",
    "Request",
    "ResetOutcome",
    "Residue",
    "RunStatus",
    "SeedReceipt",
    "Step",
    "TableDigest",
    "TableFile",
]

ConstraintValue: TypeAlias = str | int | float | bool | None
Records: TypeAlias = dict[str, list[dict[str, Any]]]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A moment that names its zone, so that it means the same everywhere."""

RunStatus: TypeAlias = Literal["open", "ready", "rejected", "rolled_back", "cleaned", "expired"]


MOST_DRAWS: Final = 1000
"""How many draws a request may carry: some sixty rows of the healthcare pack."""

AS_OF_FORM: Final = "^[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}$"
"""The days that dates can be relative to: centuries on either side can still be written with four digits."""


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """How the data is to be handed over."""

    seed_target: bool = True
    return_playwright_fixture: bool = False
    return_pytest_fixture: bool = False
    return_records: bool = False
    cleanup_strategy: Literal["after_test", "after_suite", "leave"] = "after_test"


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for data by intent. `as_of` is the day all dates are relative to (UTC today when absent).

    `seed` is what the values are made of: a number, or the list of all draws (1,000 at most), as a property
    test found them.
    """

    scenario: Annotated[str, Meta(min_length=1, max_length=128)]
    domain: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    constraints: dict[str, ConstraintValue] = field(default_factory=dict[str, ConstraintValue])
    seed: (
        Annotated[int, Meta(ge=0, le=LARGEST_SEED)]
        | Annotated[tuple[Annotated[int, Meta(ge=0, lt=LARGEST_BOUND)], ...], Meta(max_length=MOST_DRAWS)]
        | None
    ) = None
    delivery: Delivery = Delivery()
    as_of: Annotated[date, Meta(extra_json_schema={"pattern": AS_OF_FORM})] | None = None
    ttl_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None

    def __post_init__(self) -> None:
        """Raise `InvalidRequest` for a day around which a pack's dates could leave the four-digit years."""
        if self.as_of is not None and not re.match(AS_OF_FORM, self.as_of.isoformat()):
            raise InvalidRequest(f"as_of cannot be {self.as_of}; use a day of the years 1000 to 8999")


class Caller(Struct, frozen=True):
    """Who asks: the recorded invoker (`human:<name>`, `agent:<id>`), and the idempotency key where one was sent.

    `principal` is whom the credentials belong to; keys of different principals never meet.
    """

    invoker: str = "unknown"
    principal: str = "api"
    idempotency_key: str | None = None


class Step(Struct, frozen=True):
    """One step of a plan or scenario: a generator, and arguments that override the request's constraints for it."""

    generator: str
    arguments: Mapping[str, ConstraintValue] = field(default_factory=dict[str, ConstraintValue])


class Plan(Struct, frozen=True, kw_only=True):
    """What a planner decided: the steps in order, every constraint resolved, and what the values are a function of."""

    domain: str
    pack_version: str
    scenario_id: str
    planner_mode: str
    seed: Seed
    as_of: date
    constraints: Mapping[str, ConstraintValue]
    steps: tuple[Step, ...]
    validators: tuple[str, ...]


_FIRST: Final = np.array([0])


class Bundle(Struct, frozen=True):
    """The rows of one run before they are written: by entity, the tables its steps made, parents first."""

    run_id: str
    tables: Mapping[str, tuple[Table, ...]]

    def whole(self) -> dict[str, Table]:
        """One table for each entity."""
        return {name: Table.joined(tables) for name, tables in self.tables.items()}

    def records(self) -> Records:
        """The rows as plain mappings, by entity."""
        return {name: table.rows() for name, table in self.whole().items()}

    def keys(self) -> dict[str, str]:
        """The key of the first row of each entity, by the name of its key column.

        A column that is just called `id`, or like that of another entity, is told with its entity: `order_id`.
        """
        return {name: values(take(self.tables[entity][0].key_column, _FIRST))[0] for entity, name in self._names()}

    def data(self) -> dict[str, str | list[str]]:
        """`keys()`, and where an entity has several rows also all their keys: `claim_id`, then `claim_ids`."""
        told: dict[str, str | list[str]] = dict(self.keys())
        whole = self.whole()
        for entity, name in self._names():
            if len(whole[entity]) > 1:
                told[f"{name}s"] = values(whole[entity].key_column)
        return told

    def _names(self) -> list[tuple[str, str]]:
        """Each entity, and the name that its keys are told by."""
        columns = {entity: tables[0].entity.key for entity, tables in self.tables.items()}
        names = {entity: f"{entity}_id" if key.lower() == "id" else key for entity, key in columns.items()}
        taken = Counter(names.values())
        return [(entity, name if taken[name] == 1 else f"{entity}_{columns[entity]}") for entity, name in names.items()]


class Finding(Struct, frozen=True, kw_only=True):
    """What a validator found: ok, or the rows that break its rule (how many, and a few with the columns to look at)."""

    validator: str
    ok: bool
    message: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Event(Struct, frozen=True, kw_only=True):
    """One event of an audit trail."""

    event_id: str
    timestamp: Moment
    test_run_id: str
    invoker: str
    action: str
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tools_called: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: str = "ok"
    reviewer_decision: Literal["approved", "rejected"] | None = None
    schema_version: str = "1"


class SeedReceipt(Struct, frozen=True, kw_only=True):
    """What the target says it wrote: rows by table, and the real keys of symbolic ones."""

    row_counts: Mapping[str, int]
    keys: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expires_at: datetime | None = None


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """What the target's ledger has of a run, or of a strategy: its rows by table, counted now.

    `taken_back_by`: the strategy on the whole database that took the run back; of a strategy that was carried out,
    itself.
    """

    state: Literal["seeded", "deleted"]
    row_counts: Mapping[str, int]
    expires_at: datetime | None = None
    taken_back_by: str | None = None


KEYS_TOLD: Final = 1000
"""The most keys of one table that a deletion names, of the run's rows and of its residue."""


class Residue(Struct, frozen=True, kw_only=True):
    """A row that the system under test put under a run's rows: found through foreign keys, or by the run's id.

    `reason`: it `references` a row of the run, or it was `created_under` the run's id and never seeded. `deleted`:
    whether it went with the run; what stays belongs to somebody else.
    """

    table: str
    key: Mapping[str, Any]
    reason: Literal["references", "created_under"]
    deleted: bool


class Deletion(Struct, frozen=True, kw_only=True):
    """What the target says it deleted: rows by table, and the state the run had before (null: never seeded).

    `deleted_counts` counts every row that went; `deleted_keys` has the keys of those that carried the run's id, by
    table, and `residue` the others, at most `KEYS_TOLD` of each table.
    """

    deleted_counts: Mapping[str, int]
    previous_state: Literal["seeded", "deleted"] | None = None
    deleted_keys: Mapping[str, Sequence[Mapping[str, Any]]] = field(
        default_factory=dict[str, Sequence[Mapping[str, Any]]]
    )
    residue: Sequence[Residue] = ()


class FixturePaths(Struct, frozen=True):
    """Where the fixture files are; null for those that were not asked for."""

    playwright: str | None = None
    pytest: str | None = None

    def written(self) -> list[str]:
        """The paths of all files: beside the JSON for Playwright stands a TypeScript module of the same stem."""
        module = None if self.playwright is None else self.playwright.removesuffix(".json") + ".ts"
        return [path for path in (self.playwright, module, self.pytest) if path is not None]


class Cleanup(Struct, frozen=True):
    """How to take a run back."""

    cleanup_token: str
    endpoint: str
    expires_at: Moment | None = None


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The answer to a request. The cleanup token is told here and nowhere else.

    `seed` and `as_of` make the same values again; `audit_head` is the hash (hex) that the trail ends in.
    """

    request_id: str
    test_run_id: str
    status: Literal["ready"]
    data: Mapping[str, Any]
    fixtures: FixturePaths
    cleanup: Cleanup
    seed: Seed
    as_of: date
    audit_head: str
    records: Records | msgspec.UnsetType = msgspec.UNSET


class ResetOutcome(Struct, frozen=True, kw_only=True):
    """The answer to a reset. `cancelled`: the run was a volume still being made, and never gets its rows."""

    run_id: str
    status: Literal["cleaned", "already_cleaned", "cancelled"]
    deleted_counts: Mapping[str, int] | msgspec.UnsetType = msgspec.UNSET
    residue: Sequence[Residue] | msgspec.UnsetType = msgspec.UNSET


class CatalogEntry(Struct, frozen=True, kw_only=True):
    """What anyone may read of a run: what was asked for, and what came of it.

    `seed` is null where it is a list of draws, which the trail has.
    """

    test_run_id: str
    request_id: str
    domain: str
    scenario_id: str
    pack_version: str
    status: RunStatus
    created_at: Moment
    invoker: str
    planner_mode: str
    seed: int | None
    as_of: date
    constraints: Mapping[str, ConstraintValue]
    cleanup_strategy: str
    expires_at: Moment | None = None


class CatalogRow(CatalogEntry, frozen=True, kw_only=True):
    """One row of the catalog, with the hash of the run's token. `answer`: outcome (JSON) without its token."""

    token_sha256: str
    answer: str

    def entry(self) -> CatalogEntry:
        """The part that anyone may read."""
        return CatalogEntry(**{name: getattr(self, name) for name in CatalogEntry.__struct_fields__})


class CatalogQuery(Struct, frozen=True, kw_only=True):
    """Which runs to list, newest first. A `since` without a time zone is UTC."""

    scenario: str | None = None
    since: datetime | None = None
    status: RunStatus | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if self.since is not None and self.since.tzinfo is None:
            msgspec.structs.force_setattr(self, "since", self.since.replace(tzinfo=UTC))

    def matches(self, row: CatalogRow) -> bool:
        """Whether the row is one of those asked for; the limit aside."""
        return (
            self.scenario in (None, row.scenario_id)
            and self.status in (None, row.status)
            and (self.since is None or row.created_at >= self.since)
        )


class TableDigest(Struct, frozen=True, kw_only=True):
    """The content of a table, whatever the order of its rows: how many, and a digest (hex) of them all."""

    rows: int
    digest: str


class TableFile(Struct, frozen=True, kw_only=True):
    """A table of a baseline as it is kept: how many rows, and the SHA-256 (hex) of the Parquet file."""

    rows: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a baseline consists of. It is written last, so a baseline without one does not exist.

    `audit_run_id`: of the strategy that took it.
    """

    baseline_id: str
    captured_at: Moment
    schema_version: str
    files: Mapping[str, TableFile]
    audit_run_id: str | None = None

    def row_counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: file.rows for table, file in self.files.items()}


class Claim(Struct, frozen=True, kw_only=True):
    """An idempotency key that a run has taken: whoever creates it first owns it.

    `as_of` is the day of the first request, so that one sent again later makes the same rows.
    """

    key_sha256: str
    run_id: str
    request_sha256: str
    as_of: date
