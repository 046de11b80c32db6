"""The messages of the troubleshooting page are those that people meet: each is provoked, and comes as shown."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.local_stack import Stack
from infra.local_stack.home import socket_folder
from infra.local_stack.stack import free_ports
from tests.architecture.sources import ROOT
from tests.docs.how_to import read_blocks

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = [" ".join(block.text.split()) for block in read_blocks(PAGE) if block.language == "text"]
UP = (sys.executable, "-m", "infra.local_stack", "up")
ATDM = str(Path(sys.executable).with_name("atdm"))
REQUEST = (ATDM, "request", "active_member_clean")

SURROUNDINGS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "error: target ended": (UP, {"TARGET_DATABASE_URL": "postgresql://127.0.0.1:1/none"}),
    "error: server ended": (UP, {"ATDM_STORE_URL": "file:///proc/nothing"}),
    "error: ATDM_PORT is": (UP, {"ATDM_PORT": "abc"}),
    "atdm-server: set": ((sys.executable, "-m", "atdm_server"), {}),
    "atdm: UNREACHABLE": ((ATDM, "runs"), {}),
    "error: /nowhere/chromium": (
        (sys.executable, "-m", "scripts.audit_screenshot"),
        {"CHROMIUM_PATH": "/nowhere/chromium"},
    ),
}
"""What is wrong around a command, by how the message of the page begins."""
REFUSALS = {
    "atdm: SCENARIO_NOT_FOUND": (ATDM, "request", "claim_denied"),
    "atdm: INVALID_CONSTRAINT": (*REQUEST, "-c", "member_status=gone"),
    "atdm: VALIDATOR_REJECTED": (*REQUEST, "-c", "member_status=inactive"),
    "atdm: RUN_NOT_FOUND": (ATDM, "audit", "01KS3J3H4D4AFCQD98SEPJCPBP"),
}
"""What the API refuses of whom."""
OTHERS = (
    "error: port",
    "error: a stack already",
    "error: /tmp/atdm-",
    "atdm: AUTH_REQUIRED",
    "atdm: TOKEN_MISMATCH",
    "atdm: IDEMPOTENCY_KEY_REUSED",
    "atdm: TARGET_UNREACHABLE",
)
"""Messages with a test of their own."""


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody without a stack, with ports on which nobody listens."""
    target_port, api_port = free_ports(2)
    ours = {"ATDM_HOME": str(tmp_path / "home"), "ATDM_PORT": str(api_port), "TARGET_PORT": str(target_port)}
    return {name: value for name, value in os.environ.items() if not name.startswith(("ATDM_", "TARGET_"))} | ours


@pytest.fixture
def beside(stack: Stack, alone: dict[str, str]) -> dict[str, str]:
    """The environment of somebody whose stack runs."""
    return {**alone, "ATDM_API_URL": stack.api_url, "ATDM_API_TOKEN": stack.api_token}


def fails(words: tuple[str, ...], environment: Mapping[str, str], names: Mapping[str, str] | None = None) -> str:
    """What a command says that cannot do its work; `names` are those of the page for what is called otherwise here."""
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode, done.stdout
    message = done.stderr
    for here, there in (names or {}).items():
        message = message.replace(here, there)
    return " ".join(message.split())


def on_page(beginning: str) -> str:
    """The message of the page that begins so."""
    (message,) = [message for message in MESSAGES if message.startswith(beginning)]
    return message


def test_every_message_of_the_page_is_provoked() -> None:
    """The page has the messages that these tests provoke, and no other."""
    beginnings = [*SURROUNDINGS, *REFUSALS, *OTHERS]
    assert sorted(map(on_page, beginnings)) == sorted(MESSAGES)


@pytest.mark.parametrize("beginning", SURROUNDINGS)
def test_what_is_wrong_around_a_command(beginning: str, alone: dict[str, str]) -> None:
    """A stack, a server, a client and a screenshot say what they lack."""
    words, changes = SURROUNDINGS[beginning]
    # A stack may run at the default address; the message is the same for another where nobody is.
    address = f"http://127.0.0.1:{alone['ATDM_PORT']}"
    names = {
        alone["ATDM_HOME"]: "/tmp/atdm/.atdm",
        address: "http://127.0.0.1:18001",
        "(from ATDM_API_URL)": "(from the default)",
    }
    assert fails(words, {"ATDM_API_URL": address} | alone | changes, names) == on_page(beginning)


def test_a_port_is_taken(alone: dict[str, str]) -> None:
    """The stack names the port that somebody listens on, and the variable that chooses another."""
    with socket.create_server(("127.0.0.1", int(alone["ATDM_PORT"]))):
        assert fails(UP, alone, {alone["ATDM_PORT"]: "18001"}) == on_page("error: port")


def test_a_folder_is_in_use(stack: Stack, alone: dict[str, str]) -> None:
    """A second stack in a folder is refused."""
    home = str(stack.home.folder)
    run = (*UP[:-1], "run")
    assert fails(run, {**alone, "ATDM_HOME": home}, {home: "/tmp/atdm/.atdm"}) == on_page("error: a stack already")


def test_the_socket_of_a_deep_folder_is_private(alone: dict[str, str], tmp_path: Path) -> None:
    """A folder in /tmp that others can look into is not used for the socket."""
    home = (tmp_path / ("deep" * 30)).resolve()
    sockets = socket_folder(home)
    sockets.mkdir(mode=0o755)
    (sockets / "theirs").touch()
    try:
        told = fails(UP, {**alone, "ATDM_HOME": str(home)}, {str(sockets): "/tmp/atdm-0-25f9aebe7b87"})
    finally:
        shutil.rmtree(sockets)
    assert told == on_page("error: /tmp/atdm-")


@pytest.mark.parametrize("beginning", REFUSALS)
def test_what_the_api_refuses(beginning: str, beside: dict[str, str]) -> None:
    """A refusal says what exists, or what contradicts what."""
    assert fails(REFUSALS[beginning], beside) == on_page(beginning)


def test_a_token_is_missing(beside: dict[str, str]) -> None:
    """A request without the API's token is told which one it is."""
    without = {name: value for name, value in beside.items() if name != "ATDM_API_TOKEN"}
    assert fails(REQUEST, without) == on_page("atdm: AUTH_REQUIRED")


def test_a_token_or_a_key_of_another_request(beside: dict[str, str]) -> None:
    """A cleanup token fits one run, and an idempotency key one request."""
    key = ("--idempotency-key", Path(beside["ATDM_HOME"]).parent.name)
    done = subprocess.run(
        (*REQUEST, "--no-seed-target", *key), env=beside, capture_output=True, text=True, timeout=60, check=True
    )
    reset = (ATDM, "reset", done.stdout.split()[0], "--token", "another")
    assert fails(reset, beside) == on_page("atdm: TOKEN_MISMATCH")
    assert fails((*REQUEST, *key), beside) == on_page("atdm: IDEMPOTENCY_KEY_REUSED")


def test_the_target_is_down(stack: Stack, beside: dict[str, str]) -> None:
    """A request whose target does not answer says where that was looked for."""
    stack.stop_part("target")
    try:
        told = fails(REQUEST, beside, {stack.target_url: "http://127.0.0.1:18000"})
    finally:
        stack.start_part("target")
    assert told == on_page("atdm: TARGET_UNREACHABLE")
