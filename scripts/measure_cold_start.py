"""How long `make up` takes until the stack is ready: p50 and p95 of n runs.

    .venv/bin/python -m scripts.measure_cold_start [--runs 10]

Cold: into an empty folder, so that PostgreSQL makes its files and the target all its tables. Warm: into the folder of
the last run, as on any day but the first. The stack has a folder and ports of its own and is gone afterwards; the
programs themselves are in the page cache in both cases, and wheels are installed before anything is measured.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.local_stack import background
from infra.local_stack.stack import free_ports

TARGET_SECONDS = 5.0
"""What a warm start may take at most, on the machine that the project is built on."""


def main() -> int:
    """Measure and print; returns 0 when a warm start is as fast as it should be (p50), else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="starts of each kind (10)")
    runs: int = parser.parse_args().runs
    home = Path(tempfile.mkdtemp(prefix="atdm-start-"))
    try:
        environment = settings(home)
        make("setup", environment)
        cold = [start(home, environment, fresh=True) for _ in range(runs)]
        warm = [start(home, environment, fresh=False) for _ in range(runs)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"make up until ready, seconds, {runs} runs each, {os.cpu_count()} cores")
    report("cold", cold)
    report("warm", warm)
    return 0 if statistics.median(warm) <= TARGET_SECONDS else 1


def settings(home: Path) -> dict[str, str]:
    """The environment of a stack of our own, whatever the caller's says about one."""
    target_port, api_port = free_ports(2)
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("ATDM_", "TARGET_"))}
    return {**outside, "ATDM_HOME": str(home), "TARGET_PORT": str(target_port), "ATDM_PORT": str(api_port)}


def start(home: Path, environment: dict[str, str], *, fresh: bool) -> float:
    """Seconds from the command to a stack that is ready; it is stopped again."""
    if fresh:
        for entry in home.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    started = time.perf_counter()
    try:
        make("up", environment)
        return time.perf_counter() - started
    finally:
        make("down", environment)


def make(target: str, environment: dict[str, str]) -> None:
    """Run one make target; stops the measurement with its words when it fails."""
    command = ["make", "--no-print-directory", target]
    done = subprocess.run(
        command, cwd=background.ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        raise SystemExit(f"error: make {target} failed\n{done.stdout}{done.stderr}")


def report(kind: str, seconds: list[float]) -> None:
    """Print one line; p95 is interpolated, and of few runs it is close to the slowest."""
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    print(f"{kind}  p50 {statistics.median(seconds):5.2f}  p95 {p95:5.2f}  slowest {max(seconds):5.2f}")


if __name__ == "__main__":
    sys.exit(main())
