import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from infra.local_stack import Stack, local_stack
from tests.faults.hostile.victim import SECRETS, Victim
from tests.faults.hostile.wire import Wire
from tests.postgres import fresh_database
from tests.tried import Tried

ROOT = Path(__file__).parents[3]

SETTINGS = {
    "ATDM_API_TOKENS": ";".join(f"{scope} {scope} {secret}" for scope, secret in SECRETS.items()),
    "ATDM_REQUEST_TIMEOUT_SECONDS": "3",
    "ATDM_CHANGES_AT_ONCE": "4",
    "ATDM_CHANGES_WAITING": "8",
    "ATDM_LOG_LEVEL": "debug",
}


@pytest.fixture(scope="session")
def hostile_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stack that is attacked."""
    return tmp_path_factory.mktemp("hostile")


def install_pack(folder: Path) -> str:
    """Make the pack that takes any text an installed one for a process with this `PYTHONPATH`."""
    installed = folder / "free_text-1.0.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: free-text\nVersion: 1.0.0\n")
    points = "[atdm.packs]\nfree_text = tests.faults.hostile.free_text_pack:PACK\n"
    (installed / "entry_points.txt").write_text(points)
    return os.pathsep.join([str(folder), str(ROOT)])


@pytest.fixture(scope="session")
def hostile_stack(stack: Stack, hostile_home: Path) -> Generator[Stack]:
    """A target and a server of their own, with a token for each scope, on a database of their own."""
    with fresh_database(stack.postgres_dsn) as dsn, pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", install_pack(hostile_home / "installed"))
        with local_stack(hostile_home / "stack", database_url=dsn) as running:
            patch.undo()  # its processes have started; those of other tests are not to be like them
            yield running


@pytest.fixture(scope="session")
def victim(hostile_stack: Stack, tally: dict[str, Counter[str]]) -> Generator[Victim]:
    """The server that is attacked, and what must stay true of it."""
    address = urlsplit(hostile_stack.api_url)
    assert address.hostname is not None
    assert address.port is not None
    with httpx2.Client(base_url=hostile_stack.api_url, trust_env=False, timeout=15) as http:
        victim = Victim(hostile_stack, Wire(address.hostname, address.port), http, tally)
        before = victim.state()["tables"]
        yield victim
        victim.check_promises(before)


@pytest.fixture(scope="session")
def tally(tried: Tried) -> Generator[dict[str, Counter[str]]]:
    """How what was tried was answered, by kind."""
    tally: dict[str, Counter[str]] = {}
    yield tally
    for kind, answers in tally.items():
        told = ", ".join(f"{answer} x {times}" for answer, times in sorted(answers.items()))
        tried(kind, answers.total(), told)
    tried("hostile input, in all", sum(answers.total() for answers in tally.values()), "")
