"""A headless Chromium that looks at one page and ends."""

import subprocess
import tempfile

from scripts.playwright import chromium

__all__ = ["BrowserError", "browse"]

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)


class BrowserError(Exception):
    """The page could not be looked at; the message says why and what to do."""


def browse(url: str, *flags: str, seconds: float = 30) -> tuple[str, str]:
    """What Chromium writes to standard output (`--dump-dom`: the page as it stands) and to standard error."""
    program = chromium()
    if not program.exists():
        raise BrowserError(
            f"{program} is missing; install it (as root: apt-get install chromium), "
            "or set CHROMIUM_PATH to another Chromium or Chrome"
        )
    with tempfile.TemporaryDirectory() as profile:
        command = [str(program), *_FLAGS, f"--user-data-dir={profile}", *flags, url]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise BrowserError(f"{program} did not show {url} within {seconds:.0f} s") from error
    if done.returncode:
        raise BrowserError(f"{program} failed on {url}: {done.stderr[-500:]}")
    return done.stdout, done.stderr
