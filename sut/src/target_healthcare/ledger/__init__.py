"""The run ledger: what was seeded under which run, and its way back."""

from target_healthcare.ledger.bundle import (
    RUN_ID_FORM,
    ExtendRequest,
    RunId,
    SeedRequest,
    TableRows,
    read_rows,
    read_seed,
)
from target_healthcare.ledger.runs import (
    BURY_ALL,
    FORGET_ALL,
    LOCK_ALONE,
    WRITER_LOCK,
    DeleteAllAnswer,
    DeleteAnswer,
    ExtendAnswer,
    Ledger,
    RunDescription,
    RunList,
    RunState,
    RunSummary,
    SeedAnswer,
)

__all__ = [
    "BURY_ALL",
    "FORGET_ALL",
    "LOCK_ALONE",
    "RUN_ID_FORM",
    "WRITER_LOCK",
    "DeleteAllAnswer",
    "DeleteAnswer",
    "ExtendAnswer",
    "ExtendRequest",
    "Ledger",
    "RunDescription",
    "RunId",
    "RunList",
    "RunState",
    "RunSummary",
    "SeedAnswer",
    "SeedRequest",
    "TableRows",
    "read_rows",
    "read_seed",
]
