"""The objects of one run as they are in the store, and the ways to read them."""

import asyncio
import re
from typing import Final

from msgspec import Struct

from atdm_core.side_by_side import side_by_side
from atdm_server.store.objects import AUDIT, CATALOG, ObjectStore

__all__ = ["RunObjects", "read_run", "row_key", "run_of", "view_key"]

_OF_A_RUN: Final = re.compile(r"runs/([^/]+)\.parquet|parts/([^/]+)/\d{6}\.parquet")


class RunObjects(Struct, frozen=True):
    """The bytes of a run's objects, None where there is none. `parts` is by version, and has what the store lists."""

    run_id: str
    view: bytes | None
    parts: dict[int, bytes | None]
    row: bytes | None

    @property
    def view_key(self) -> str:
        """Where the view is, or would be."""
        return view_key(self.run_id)

    def part_key(self, version: int) -> str:
        """Where a part is, or would be."""
        return f"{AUDIT}/parts/{self.run_id}/{version:06}.parquet"


def view_key(run_id: str) -> str:
    """Where the view of a run is, or would be."""
    return f"{AUDIT}/runs/{run_id}.parquet"


def row_key(run_id: str) -> str:
    """Where the catalog row of a run is, or would be."""
    return f"{CATALOG}/runs/{run_id}.parquet"


def run_of(key: str) -> str | None:
    """The run that an object of the audit store belongs to by its key; None when it is none of a run."""
    match = _OF_A_RUN.fullmatch(key)
    return match and (match[1] or match[2])


async def read_run(audit: ObjectStore, catalog: ObjectStore, run_id: str) -> RunObjects:
    """All objects of a run, as they are now.

    The view is read before the parts are listed: it never shows what is not in a part yet, so a run that grows
    meanwhile looks unrendered at worst.
    """
    view, row = await asyncio.gather(audit.get(f"runs/{run_id}.parquet"), catalog.get(f"runs/{run_id}.parquet"))
    keys = [key for key in await audit.keys(f"parts/{run_id}/") if run_of(key)]
    parts = await side_by_side(audit.get, keys)
    return RunObjects(run_id, view, {int(key[-14:-8]): data for key, data in zip(keys, parts, strict=True)}, row)
