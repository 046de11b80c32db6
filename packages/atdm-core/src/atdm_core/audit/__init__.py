"""The audit trail of a run: hash-chained events, their Parquet form, and the view that people read."""

from atdm_core.audit.parquet import decode_entries, encode_entries
from atdm_core.audit.trail import CANCEL, Clock, Entry, Mark, Part, Trail, chain_hash, genesis, utc_now
from atdm_core.audit.view import TrailView, run_status, view_trail

__all__ = [
    "CANCEL",
    "Clock",
    "Entry",
    "Mark",
    "Part",
    "Trail",
    "TrailView",
    "chain_hash",
    "decode_entries",
    "encode_entries",
    "genesis",
    "run_status",
    "utc_now",
    "view_trail",
]
