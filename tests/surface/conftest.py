"""Each test of this folder runs unchanged against the engine in process and the server over HTTP, on disk and on S3."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.surface.surfaces import EngineSurface, HttpSurface, Surface


@pytest.fixture(params=["engine", "http", "s3"])
def surface(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Surface]:
    """The surface under test."""
    if request.param == "engine":
        with EngineSurface(tmp_path) as engine:
            yield engine
    else:
        stack = "s3_stack" if request.param == "s3" else "stack"
        with HttpSurface(request.getfixturevalue(stack)) as server:
            yield server
