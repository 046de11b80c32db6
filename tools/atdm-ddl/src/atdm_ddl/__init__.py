"""Packs from DDL: read what a schema declares, write a pack for it, and tell where the two have drifted apart."""

from atdm_ddl.draft import Draft, draft_pack
from atdm_ddl.drift import drift
from atdm_ddl.reading import UnreadableDdl, read_ddl
from atdm_ddl.schema import Column, ForeignKey, Order, Schema, Table
from atdm_ddl.writing import write_pack

__all__ = [
    "Column",
    "Draft",
    "ForeignKey",
    "Order",
    "Schema",
    "Table",
    "UnreadableDdl",
    "draft_pack",
    "drift",
    "read_ddl",
    "write_pack",
]
