"""Volumes of rows as Parquet files, in a folder or in an object store."""

from atdm_server.volume.engines import MapUnordered, in_processes, on_ray
from atdm_server.volume.files import Receipt, VolumeFile, VolumeManifest, digest_of, write_shard
from atdm_server.volume.folder import VolumeFolder, open_folder
from atdm_server.volume.shards import make_shards

__all__ = [
    "MapUnordered",
    "Receipt",
    "VolumeFile",
    "VolumeFolder",
    "VolumeManifest",
    "digest_of",
    "in_processes",
    "make_shards",
    "on_ray",
    "open_folder",
    "write_shard",
]
