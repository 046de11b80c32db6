"""One cluster for all tests of this folder that need S3 and proxies, as it takes a while to start."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.processes.cluster import Cluster
from tests.s3 import S3


@pytest.fixture
def short_folder() -> Callable[[], Path]:
    """Make folders whose paths are short enough for a socket."""
    return lambda: Path(tempfile.mkdtemp(prefix="atdm-"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(s3: S3) -> AsyncGenerator[Cluster]:
    """Two servers behind proxies, on S3."""
    folder = Path(tempfile.mkdtemp(prefix="atdm-"))
    try:
        with s3.in_environment():
            async with Cluster(folder, servers=2, s3=s3, proxied=True) as running:
                yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)
