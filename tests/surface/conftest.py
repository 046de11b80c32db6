"""Each test of this folder runs twice, unchanged: against the engine in process, and against the server over HTTP."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.surface.surfaces import EngineSurface, HttpSurface, Surface


@pytest.fixture(params=["engine", "http"])
def surface(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Surface]:
    """The surface under test."""
    if request.param == "engine":
        with EngineSurface(tmp_path) as engine:
            yield engine
    else:
        with HttpSurface(request.getfixturevalue("stack")) as server:
            yield server
