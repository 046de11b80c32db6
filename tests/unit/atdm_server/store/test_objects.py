"""The choice of a store by its URL."""

from pathlib import Path

import pytest

from atdm_server import SettingsInvalid
from atdm_server.store import DiskStore, RemoteStore, open_stores


@pytest.mark.parametrize("host", ["", "localhost"])
def test_folder(tmp_path: Path, host: str) -> None:
    """A file URL holds audit log and catalog as sub-folders, spaces and all."""
    folder = (tmp_path / "with space").as_uri().replace("file://", f"file://{host}")
    audit, catalog = open_stores(folder)
    assert isinstance(audit, DiskStore)
    assert audit.url == f"{(tmp_path / 'with space').as_uri()}/atdm-audit"
    assert catalog.url == f"{(tmp_path / 'with space').as_uri()}/atdm-catalog"


@pytest.mark.parametrize(
    ("url", "audit"),
    [
        ("s3://", "s3://atdm-audit"),
        ("s3://bucket", "s3://bucket/atdm-audit"),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix/atdm-audit"),
    ],
)
def test_bucket(url: str, audit: str) -> None:
    """An S3 URL holds both below its prefix, and without a bucket there are two of their names."""
    stores = open_stores(url)
    assert all(isinstance(store, RemoteStore) for store in stores)
    assert [store.url for store in stores] == [audit, audit.replace("atdm-audit", "atdm-catalog")]


@pytest.mark.parametrize("url", ["", "folder", "/folder", "http://x/y", "file:", "file://host/folder", "memory://"])
def test_other_urls_are_refused(url: str) -> None:
    """Any other URL is refused with those that may stand."""
    with pytest.raises(SettingsInvalid, match="use file:///folder, s3:// or s3://bucket/prefix"):
        open_stores(url)
