"""What every suite shares."""

import signal
from collections.abc import Generator

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from infra.local_stack import Stack, local_stack
from tests.postgres import fresh_database
from tests.s3 import S3, start_s3

pytest_plugins = ["pytester", "tests.tried"]

TOGETHER = ("tests/faults/hostile/", "tests/faults/processes/", "tests/schema/")
"""Folders whose tests share what takes long to start, or look at what the others of the folder have left."""


def pytest_configure() -> None:
    """Let programs that the tests start hear Ctrl-C, also when a shell started the tests in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Shares(LoadScopeScheduling):
    """Each worker of pytest-xdist takes a file at a time, or one of the folders that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares:
    """Share the tests out, in their order: the long ones come first."""
    config.option.loadscopereorder = False  # by the number of tests, of which the longest have one
    return Shares(config, log)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """PostgreSQL, the target and the server on free ports, for the whole session."""
    with local_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def s3() -> Generator[S3]:
    """An S3 endpoint with ATDM's two buckets, for the whole session."""
    with start_s3() as running:
        yield running


@pytest.fixture(scope="session")
def s3_stack(stack: Stack, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """A target and a server whose objects are in S3, on a database of their own."""
    home = tmp_path_factory.mktemp("s3-stack")
    with (
        fresh_database(stack.postgres_dsn) as dsn,
        s3.in_environment(),
        local_stack(home, database_url=dsn, store_url="s3://") as running,
    ):
        yield running
