"""A volume that is being written: what is there already, and what is to do.

    volume.json              what the volume is a function of; written first
    <table>/<shard>.parquet  its rows
    shards/<shard>.json      the receipt of a shard, when all its files are there
    manifest.json            all files with their digests; written last

All are created and none is edited, so a process that is killed leaves nothing that would have to be undone.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
import pyarrow as pa

from atdm_core import Pack
from atdm_core.errors import InvalidRequest
from atdm_core.volume import Shard, Volume, shards_of
from atdm_server.volume.engines import MapUnordered
from atdm_server.volume.files import Receipt, VolumeManifest, digest_of, write_shard
from atdm_server.volume.places import open_place

__all__ = ["VolumeFolder", "open_folder"]


class VolumeFolder:
    """The place of one volume: of its shards, when it was opened, `kept` were there and `missing` were not."""

    def __init__(self, place: str, volume: Volume, shards: list[Shard], kept: list[Receipt]) -> None:
        self.volume = volume
        self.place = place
        self.kept = kept
        done = {receipt.shard for receipt in kept}
        self.missing = [shard for shard in shards if shard.number not in done]

    def write(self, map_unordered: MapUnordered, tell: Callable[[Receipt], None]) -> VolumeManifest:
        """Make what is missing, with a word about each shard that is done, and then the manifest."""
        receipts = list(self.kept)
        for receipt in map_unordered(partial(write_shard, self.volume, self.place), self.missing):
            asyncio.run(_create(self.place, _receipt_key(receipt.shard), receipt))
            receipts.append(receipt)
            tell(receipt)
        manifest = _manifest(self.volume, receipts)
        asyncio.run(_create(self.place, "manifest.json", manifest))
        return manifest


def open_folder(place: str, pack: Pack, define: Callable[[Volume | None], Volume]) -> VolumeFolder:
    """The folder at `place`. `define` is told the volume that was begun there, if any, and says which is wanted.

    `InvalidRequest` when that is another one, or when something else is there.
    """
    return asyncio.run(_open(place, pack, define))


async def _open(place: str, pack: Pack, define: Callable[[Volume | None], Volume]) -> VolumeFolder:
    store = open_place(place)
    begun = await store.get("volume.json")
    if begun is None and await store.keys("", limit=1):
        raise InvalidRequest(f"{store.url} is not empty, and no volume was begun there: choose another place")
    volume = define(None if begun is None else msgspec.json.decode(begun, type=Volume))
    shards = shards_of(volume, pack)
    if not await store.create("volume.json", _json(volume)):
        raise InvalidRequest(
            f"another volume was begun at {store.url}: look at its volume.json, or choose another place"
        )
    present = set(await store.keys(""))
    kept: list[Receipt] = []
    for shard in shards:
        if (key := _receipt_key(shard.number)) in present:
            receipt = msgspec.json.decode(await store.get(key) or b"", type=Receipt)
            if all(file.key in present for file in receipt.files):
                kept.append(receipt)
    return VolumeFolder(store.url, volume, shards, kept)


async def _create(place: str, key: str, content: Receipt | VolumeManifest) -> None:
    store = open_place(place)
    if not await store.create(key, _json(content)):
        raise InvalidRequest(f"{store.url}/{key} says something else: was the folder edited? choose another place")


def _manifest(volume: Volume, receipts: list[Receipt]) -> VolumeManifest:
    files = tuple(sorted((file for receipt in receipts for file in receipt.files), key=lambda file: file.key))
    rows: dict[str, int] = {}
    for file in files:
        table = file.key.partition("/")[0]
        rows[table] = rows.get(table, 0) + file.rows
    size = sum(file.size for file in files)
    writer = f"pyarrow {pa.__version__}"
    return VolumeManifest(volume=volume, digest=digest_of(files), writer=writer, rows=rows, size=size, files=files)


def _receipt_key(shard: int) -> str:
    return f"shards/{shard:06}.json"


def _json(content: Volume | Receipt | VolumeManifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
