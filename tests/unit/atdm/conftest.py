"""Every test here starts without ATDM settings, in an empty folder, so that no stack of this checkout is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.atdm.fake_api import FakeApi, serve_fake_api


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ATDM variable is set, no .atdm folder is in sight, and output is that of a plain 80 column terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("ATDM_API_URL", "ATDM_API_TOKEN", "ATDM_HOME", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A fake API on a port of its own."""
    with serve_fake_api() as api:
        yield api


@pytest.fixture
def configured_api(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The fake API, named by the environment as in CI."""
    monkeypatch.setenv("ATDM_API_URL", api.url)
    monkeypatch.setenv("ATDM_API_TOKEN", api.token)
    return api
