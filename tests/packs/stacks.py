"""Stacks of a checkout with packs that were installed into it, and their clients."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from atdm.client import AtdmClient
from infra.local_stack.home import Home
from tests.docs.how_to import Checkout

__all__ = ["running_stack"]


@contextmanager
def running_stack(atdm: Checkout, home: Path, **settings: str) -> Generator[tuple[AtdmClient, str]]:
    """A stack of the checkout with these settings, stopped in the end: a client of it, and the DSN of its database.

    The client is this process's, because each start of the program takes as long as many requests.
    """
    kept = atdm.environment
    atdm.environment = {**kept, "ATDM_HOME": str(home), **settings}
    try:
        atdm.run("make up")
        record = Home(home).read_record()
        assert record is not None
        with AtdmClient(record.api_url, record.api_token) as client:
            yield client, record.postgres_dsn
    finally:
        atdm.run("make down")
        atdm.environment = kept
