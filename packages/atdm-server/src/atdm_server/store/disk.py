"""Objects as files, on stable storage before a call returns.

A file is written under another name, synced, linked to its own name (which fails when that exists, for one of many
writers only), and the folder is synced. Network file systems promise less than this needs, and are not supported.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

from atdm_core.errors import StoreUnavailable

__all__ = ["DiskStore"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_CHUNK = 1 << 20  # bytes


class DiskStore:
    """The objects below a folder, which is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._unfinished = self._folder / ".unfinished"

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return self._folder.as_uri()

    async def create(self, key: str, data: bytes) -> bool:
        """See `ObjectStore.create`."""
        return await self._in_thread(self._create, key, data)

    async def create_from_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.create_from_file`."""
        return await self._in_thread(self._create_from_file, key, path)

    async def fetch_to_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.fetch_to_file`."""
        return await self._in_thread(self._fetch_to_file, key, path)

    async def replace(self, key: str, data: bytes) -> None:
        """See `ObjectStore.replace`."""
        await self._in_thread(self._replace, key, data)

    async def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`."""
        return await self._in_thread(self._get, key)

    async def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        """See `ObjectStore.keys`."""
        return await self._in_thread(lambda: list(islice(self._keys(prefix, after), limit)))

    async def folders(self, prefix: str) -> list[str]:
        """See `ObjectStore.folders`."""
        return await self._in_thread(lambda: [entry.name for entry in self._entries(prefix) if entry.is_dir()])

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await self._in_thread(_make_folder, self._unfinished)

    async def _in_thread(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await asyncio.to_thread(function, *args, **kwargs)
        except OSError as error:
            raise StoreUnavailable(
                f"the object store at {self.url} cannot be used: {error.strerror or error}"
            ) from error

    def _create(self, key: str, data: bytes) -> bool:
        if self._link([data], key):
            return True
        path = self._folder / key
        _sync_folder(path.parent)  # it may be there for us to see, and not yet for a power cut
        return path.read_bytes() == data

    def _replace(self, key: str, data: bytes) -> None:
        path = self._folder / key
        with self._written([data]) as unfinished:
            _in_folder(path.parent, unfinished.replace, path)
        _sync_folder(path.parent)

    def _create_from_file(self, key: str, source: Path) -> bool:
        with source.open("rb") as file:
            return self._link(iter(lambda: file.read(_CHUNK), b""), key)

    def _link(self, chunks: Iterable[bytes], key: str) -> bool:
        path = self._folder / key
        with self._written(chunks) as unfinished:
            try:
                _in_folder(path.parent, os.link, unfinished, path)
            except FileExistsError:
                return False
        _sync_folder(path.parent)
        return True

    def _fetch_to_file(self, key: str, path: Path) -> bool:
        try:
            shutil.copyfile(self._folder / key, path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _get(self, key: str) -> bytes | None:
        try:
            return (self._folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _keys(self, prefix: str, after: str) -> Iterator[str]:
        """The keys in order: a folder counts as its name with the slash, as it does in every key below it."""
        for entry in self._entries(prefix):
            key = prefix + entry.name
            if not entry.is_dir():
                if key > after:
                    yield key
            elif (folder := key + "/") > after or after.startswith(folder):
                yield from self._keys(folder, after)

    def _entries(self, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder / prefix) as entries:
                found = [entry for entry in entries if prefix or entry.name != self._unfinished.name]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found, key=lambda entry: entry.name + "/" if entry.is_dir() else entry.name)

    @contextmanager
    def _written(self, chunks: Iterable[bytes]) -> Generator[Path]:
        path = self._unfinished / uuid4().hex
        # Not a file object: each call into the system may wait for the interpreter afterwards, and this makes fewest.
        descriptor = _in_folder(self._unfinished, os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                for chunk in chunks:
                    _write(descriptor, chunk)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            yield path
        finally:
            path.unlink(missing_ok=True)


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it: the system may take a part only, as on a disk that is about to be full."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _in_folder(folder: Path, step: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What `step` returns, which puts something into the folder; it is made where it is missing, which is rare."""
    try:
        return step(*args, **kwargs)
    except FileNotFoundError:
        _make_folder(folder)
        return step(*args, **kwargs)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
