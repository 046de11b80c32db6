from collections.abc import Generator

import pytest

from tests.postgres import start_postgres


@pytest.fixture(scope="package")
def server() -> Generator[str]:
    """A PostgreSQL server for the tests of this folder."""
    with start_postgres() as dsn:
        yield dsn
