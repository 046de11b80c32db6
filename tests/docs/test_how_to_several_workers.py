"""The how-to "Run several workers, and several servers", carried out."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from infra.local_stack.part import Part, RunningPart, answers
from tests.docs.how_to import Block, Checkout, checkout

PAGE = "several-workers"


def test_workers_and_servers_answer_as_one(tmp_path: Path) -> None:
    """The commands of the page start three workers and a second server, which answers for the first and outlives it."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut") as atdm:
        atdm.environment["ATDM_TARGET_TIMEOUT_SECONDS"] = "25"  # a request hangs until its server is killed
        blocks = atdm.blocks(PAGE)
        at = next(number for number, block in enumerate(blocks) if block.text.startswith("ATDM_PORT="))
        down = next(number for number, block in enumerate(blocks) if block.text == "make down\n")
        refusal = blocks[down + 1 :]
        atdm.follow(blocks[:1])
        for program, workers in (("server", 3), ("target", 2)):
            assert len(psutil.Process(started(atdm)[program]).children()) >= workers
        atdm.follow(blocks[1:at])
        atdm.follow(refusal)
        with serving(atdm, blocks[at]):
            atdm.follow(blocks[at + 1 : down])
        atdm.follow(blocks[down : down + 1])


def started(atdm: Checkout) -> dict[str, int]:
    """The processes of a checkout's stack, by name."""
    return json.loads((atdm.folder / ".atdm" / "stack.json").read_text(encoding="utf-8"))["pids"]


@contextmanager
def serving(atdm: Checkout, block: Block) -> Generator[None]:
    """Run the server of a block until the end, its workers included."""
    typed = atdm.here(block.text)
    port = re.findall(r"ATDM_PORT=(\d+)", typed)[0]
    command = ("bash", "-c", f"cd {atdm.folder} && exec env {typed}")
    part = Part("second", command, lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
    running = RunningPart(part, atdm.folder / "second.log", atdm.environment)
    try:
        running.wait_until_ready()
        yield
    finally:
        running.stop()
