"""The seam to object storage, and the choice of an implementation by URL."""

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from atdm_server.errors import SettingsInvalid
from atdm_server.store.disk import DiskStore
from atdm_server.store.remote import RemoteStore

__all__ = ["ObjectStore", "open_stores"]

AUDIT = "atdm-audit"
CATALOG = "atdm-catalog"


class ObjectStore(Protocol):
    """Objects by key (`a/b/c`). What a method accepted is on stable storage; `StoreUnavailable` when nobody knows."""

    @property
    def url(self) -> str:
        """The address of the store, without a slash at its end."""
        ...

    async def create(self, key: str, data: bytes) -> bool:
        """Store an object if there is none of this key; whether the stored one is this one."""
        ...

    async def create_from_file(self, key: str, path: Path) -> bool:
        """Like `create`, for an object that may be large; it never stands in memory whole."""
        ...

    async def fetch_to_file(self, key: str, path: Path) -> bool:
        """Copy an object into a new file; false when there is none."""
        ...

    async def replace(self, key: str, data: bytes) -> None:
        """Store an object, in the place of any that has this key. For rendered views only."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The object, or None."""
        ...

    async def keys(self, prefix: str, after: str = "") -> list[str]:
        """The keys that begin with the folder `prefix` (`a/b/`) and sort behind `after`, sorted."""
        ...

    async def check(self) -> None:
        """Return when the store answers."""
        ...


def open_stores(url: str) -> tuple[ObjectStore, ObjectStore]:
    """The stores of the audit log and of the catalog.

    `file:///folder` and `s3://bucket/prefix` hold both as sub-folders; `s3://` alone means two buckets of those names.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        folder = Path(unquote(parts.path))
        return DiskStore(folder / AUDIT), DiskStore(folder / CATALOG)
    if parts.scheme == "s3":
        root = f"s3://{parts.netloc}{parts.path}".rstrip("/") + "/" if parts.netloc else "s3://"
        return RemoteStore(root + AUDIT), RemoteStore(root + CATALOG)
    raise SettingsInvalid(f"ATDM_STORE_URL cannot be {url!r}; use file:///folder, s3:// or s3://bucket/prefix")
