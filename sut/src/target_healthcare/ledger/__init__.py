"""The run ledger: what was seeded under which run, and its way back."""

from target_healthcare.ledger.bundle import RUN_ID_FORM, RunId, SeedRequest, TableRows, read_rows, read_seed
from target_healthcare.ledger.runs import (
    WRITER_LOCK,
    DeleteAnswer,
    Ledger,
    RunDescription,
    RunList,
    RunState,
    RunSummary,
    SeedAnswer,
)

__all__ = [
    "RUN_ID_FORM",
    "WRITER_LOCK",
    "DeleteAnswer",
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
