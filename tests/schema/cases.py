"""Requests that schemathesis makes up from the description of the API, against a live server.

.venv/bin/python -m tests.schema.cases [--examples 800] [--seed 1]

It tries each example and each boundary of the description, then as many made-up requests for each operation, then
chains that follow the links of answers. Every answer is checked against the description.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from infra.local_stack import Stack, local_stack

__all__ = ["Report", "answers", "try_cases"]

CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
PROGRAM: Final = Path(sys.executable).with_name("schemathesis")
MANY: Final = 800  # made-up requests for each operation; with boundaries and chains, more than 10,000 in all


class Counts(msgspec.Struct, frozen=True):
    """How many requests were made, and for how many the answer was wrong."""

    generated: int
    with_failures: int
    errored: int


class Phase(msgspec.Struct, frozen=True):
    """How a phase ended."""

    status: str


class Report(msgspec.Struct, frozen=True):
    """What schemathesis says of a run."""

    seed: int
    running_time: float
    test_cases: Counts
    phases: dict[str, Phase]


class LogLine(msgspec.Struct, frozen=True):
    """What the server's log has of a request."""

    event: str = ""
    method: str = ""
    path: str = ""
    status: int = 0


def try_cases(stack: Stack, folder: Path, *, examples: int, seed: int) -> tuple[Report, str]:
    """Try the API of a running stack; the report, and what was printed. `folder` takes the report's file."""
    report = folder / "report.json"
    ended = subprocess.run(
        [
            PROGRAM, "--config-file", CONFIGURATION, "run", f"{stack.api_url}/openapi.json",
            "--max-examples", str(examples), "--seed", str(seed), "--report-json-path", report,
        ],
        cwd=folder,
        env={**os.environ, "ATDM_API_TOKEN": stack.api_token, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    printed = ended.stdout + ended.stderr
    if not report.exists():
        raise RuntimeError(f"schemathesis wrote no report:\n{printed}")
    return msgspec.json.decode(report.read_bytes(), type=Report), printed


def answers(stack: Stack) -> Counter[tuple[str, int]]:
    """How often each operation gave each status, by the server's own log."""
    counted: Counter[tuple[str, int]] = Counter()
    for text in stack.home.log("server").read_text(encoding="utf-8").splitlines():
        if text.startswith("{"):
            line = msgspec.json.decode(text, type=LogLine)
            if line.event == "http_request":
                counted[f"{line.method} {_route(line.path)}", line.status] += 1
    return counted


def _route(path: str) -> str:
    for start, end in (("/audit/runs/", ""), ("/test-data/runs/", "/reset")):
        if path.startswith(start) and path.endswith(end):
            return f"{start}{{run_id}}{end}"
    return path


def main() -> int:
    """Try many cases against a stack of its own, and print what was tried and answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=MANY, help="made-up requests for each operation")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atdm-schema-") as name, local_stack(Path(name) / "stack") as stack:
        report, printed = try_cases(stack, Path(name), examples=options.examples, seed=options.seed)
        print(printed)
        print(f"{'operation':<44}{'status':>8}{'answers':>10}")
        for (operation, status), count in sorted(answers(stack).items()):
            if count > 1 or status < 404:
                print(f"{operation[:43]:<44}{status:>8}{count:>10}")
    wrong = report.test_cases.with_failures + report.test_cases.errored
    print(f"{report.test_cases.generated} cases, {wrong} with a wrong answer, {report.running_time:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
