"""Verification of a store, offline, on its bare objects: as a library and as `atdm verify` and `atdm checkpoint`."""

from atdm_server.verify.checkpoint import (
    CheckpointInvalid,
    CheckpointWriter,
    Heading,
    LogHead,
    RunHead,
    read_checkpoint,
)
from atdm_server.verify.report import Counts, OpenRun, Problem, Report
from atdm_server.verify.store import Head, Stores, verify_store
from atdm_server.verify.trails import DECIDING

__all__ = [
    "DECIDING",
    "CheckpointInvalid",
    "CheckpointWriter",
    "Counts",
    "Head",
    "Heading",
    "LogHead",
    "OpenRun",
    "Problem",
    "Report",
    "RunHead",
    "Stores",
    "read_checkpoint",
    "verify_store",
]
