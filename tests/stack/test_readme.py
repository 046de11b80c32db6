"""What the README shows a newcomer works as it stands there: the demo, and each command after it."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.local_stack.stack import free_ports

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, str]]:
    """The environment of a newcomer whose stack lives in a folder and on ports of its own."""
    target_port, api_port = free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ATDM_", "TARGET_"))},
        "ATDM_HOME": str(tmp_path_factory.mktemp("home")),
        "ATDM_PORT": str(api_port),
        "TARGET_PORT": str(target_port),
    }
    yield environment
    run([sys.executable, "-m", "infra.local_stack", "down-clean"], environment)


def run(command: list[str], environment: dict[str, str]) -> str:
    """The output of a command that must succeed."""
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_demo_tells_the_whole_story(home: dict[str, str]) -> None:
    """The demo shows every step with its result, rows in PostgreSQL that come and go, and where the trail is."""
    told = run([sys.executable, "-m", "scripts.demo"], home)
    steps = re.findall(r"^([A-Z]\w+) {2,}", told, flags=re.MULTILINE)
    assert list(dict.fromkeys(steps)) == [
        "Stack",
        "Intent",
        "Plan",
        "Generate",
        "Validate",
        "Seed",
        "PostgreSQL",
        "Test",
        "Reset",
        "Audit",
    ]
    before, after = re.findall(r"^PostgreSQL +(.*)$", told, flags=re.MULTILINE)
    assert before == "plan 1, provider 1, member 1, eligibility 1, claim 1"
    assert after == "plan 0, provider 0, member 0, eligibility 0, claim 0"
    assert "1 passed" in told
    run_id = re.findall(r"^run +(\S+)$", told, flags=re.MULTILINE)[0]
    assert f"http://127.0.0.1:{home['ATDM_PORT']}/ui/audit/{run_id}" in told


def test_commands_work_as_shown(home: dict[str, str]) -> None:
    """Every `atdm` command of the README succeeds against the stack that the demo left up."""
    run([sys.executable, "-m", "infra.local_stack", "up"], home)
    shown = [line.split("#")[0].strip() for line in README.splitlines() if line.strip().startswith(".venv/bin/atdm")]
    assert len(shown) >= 4
    told = ""
    for line in shown:
        program, *words = shlex.split(line)
        found = re.search(r"atdm reset (\w+) --token (\w+)", told)
        known = {"RUN": found[1], "TOKEN": found[2]} if found else {}
        told += run([str(Path(sys.executable).with_name(Path(program).name)), *(known.get(w, w) for w in words)], home)
    assert "claim_denial_active_member" in told
    assert "cleaned" in told
