"""What every suite shares."""

from collections.abc import Generator

import pytest

from infra.local_stack import Stack, local_stack

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """PostgreSQL, the target and the server on free ports, for the whole session."""
    with local_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
