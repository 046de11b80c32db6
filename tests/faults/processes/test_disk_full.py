"""A store on a disk that is full."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.faults.processes.checker import kept_rows, settle
from tests.faults.processes.clients import Book, Client, Habits, clients_at_work
from tests.faults.processes.cluster import Cluster
from tests.faults.processes.length import LONG

SIZE = 24 if LONG else 8  # MiB
ROOM = 256 * 1024  # bytes that are left to begin with
HABITS = Habits(pause=0.2)
FULL = 20.0 if LONG else 4.0  # seconds that the disk stays full
WITHIN = 25.0


@pytest.fixture
def small_disk() -> Generator[Path]:
    """A file system in memory with a few MiB."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


async def test_disk_full(small_disk: Path, tried: Callable[[str, int, str], None]) -> None:
    """While the disk is full requests are refused and undone, and when there is room they are served as before."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-"))
    ballast = small_disk / "ballast"
    try:
        async with Cluster(folder, servers=2, store_folder=small_disk / "objects") as cluster:
            book, urls = Book(), list(cluster.urls.values())
            bystander = Client("bystander", urls, book, HABITS, 0)
            runs = [told.run_id for _ in range(3) if (told := await bystander.request(None))]
            kept = await kept_rows(cluster, runs)
            _fill(ballast, small_disk)
            async with clients_at_work(4, urls, book, HABITS, 0):
                async with asyncio.timeout(60):
                    while not book.counts["STORE_UNAVAILABLE"]:  # noqa: ASYNC110 - other processes fill the disk
                        await asyncio.sleep(0.05)
                await asyncio.sleep(FULL)
                refused = book.counts["STORE_UNAVAILABLE"]
                ballast.unlink()
            verdict = await settle(cluster, book, kept, WITHIN)
            verdict.require()
            assert await bystander.request(None) is not None
            await bystander.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    tried(f"disk of {SIZE} MiB full for {FULL:.0f} s: refused", refused, str(verdict))
    assert len(runs) == 3


def _fill(ballast: Path, disk: Path) -> None:
    """Leave so much room that it runs out in the middle of the work."""
    ballast.write_bytes(b"\0" * (shutil.disk_usage(disk).free - ROOM))
