"""Where a volume goes: a folder, or a prefix of an object store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from atdm_server.errors import SettingsInvalid
from atdm_server.store import DiskStore, ObjectStore, RemoteStore

__all__ = ["open_place"]


def open_place(place: str) -> ObjectStore:
    """The store at `s3://bucket/prefix`, `file:///folder` or the path of a folder, which need not exist."""
    parts = urlsplit(place)
    if parts.scheme == "s3" and parts.netloc:
        return RemoteStore(place)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return DiskStore(Path(unquote(parts.path)))
    if "://" in place:
        raise SettingsInvalid(f"a volume cannot go to {place!r}; use the path of a folder, or s3://bucket/prefix")
    return DiskStore(Path(place))
