"""The worker processes of a server, as granian runs them."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.stack.processes import alive, descendants, wait_until
from tests.unit.atdm_server.tiny_server import closed_port


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Nobody can stop a process that is killed from outside; its workers see it, and leave the port."""
    url, port = "http://127.0.0.1", closed_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ATDM_")}
    environment = inherited | {
        "ATDM_API_TOKEN": "the-token-of-this-test",
        "ATDM_SERVER_KEY": "the-key-of-this-test-which-is-long-enough",
        "ATDM_STORE_URL": (tmp_path / "store").as_uri(),
        "ATDM_TARGET_URL": f"{url}:{closed_port()}",
        "ATDM_TARGET_TOKEN": "the-target-token-of-this-test",
        "ATDM_PORT": str(port),
        "ATDM_WORKERS": "2",
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "atdm_server"], env=environment, stdout=log, stderr=log)
    try:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=8)) as client:
            assert client.get(f"{url}:{port}/health", timeout=20).status_code == 200
        workers = descendants(server.pid)
    finally:
        server.kill()
        server.wait()
    wait_until(lambda: not alive(workers), "the end of the workers")

    assert len(workers) >= 2
