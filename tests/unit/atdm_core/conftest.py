from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.unit.atdm_core.weather import House


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[House]:
    """An engine on memory fakes whose undoing is tried again quickly."""
    monkeypatch.setattr("atdm_core.undo.FIRST_PAUSE", 0.005)
    monkeypatch.setattr("atdm_core.undo.LONGEST_PAUSE", 0.02)
    house = House(tmp_path / "fixtures")
    yield house
    await house.engine.close()
