from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.unit.atdm_core.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """An engine on memory fakes."""
    house = House(tmp_path / "fixtures")
    yield house
    await house.engine.close()
