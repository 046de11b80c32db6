"""The whole database at once: exported and restored as a stream of Arrow batches."""

from target_healthcare.baseline.ahead import work_ahead
from target_healthcare.baseline.database import (
    Connection,
    Database,
    DigestAnswer,
    RestoreAnswer,
    connect,
    read_shapes,
)
from target_healthcare.baseline.frames import MEDIA_TYPE, read_run, require_version
from target_healthcare.baseline.rows import Column, arrow_schema, write_csv

__all__ = [
    "MEDIA_TYPE",
    "Column",
    "Connection",
    "Database",
    "DigestAnswer",
    "RestoreAnswer",
    "arrow_schema",
    "connect",
    "read_run",
    "read_shapes",
    "require_version",
    "work_ahead",
    "write_csv",
]
