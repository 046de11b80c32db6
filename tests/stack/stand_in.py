"""A small program that stands in for a part of the stack: it answers /health and tells what happens to it.

    python stand_in.py NAME PORT JOURNAL [--stubborn] [--ready-after SECONDS]

It starts a grandchild in a session of its own, as PostgreSQL does, and notes `NAME event pid` in JOURNAL.
"""

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType

NAME, PORT, JOURNAL = sys.argv[1:4]
STUBBORN = "--stubborn" in sys.argv
READY = threading.Event()


def note(event: str, pid: int) -> None:
    """Add one line to the journal, in one write."""
    with Path(JOURNAL).open("a") as journal:
        journal.write(f"{NAME} {event} {pid}\n")


class Health(BaseHTTPRequestHandler):
    """Answers 503 until ready, then 200."""

    def do_GET(self) -> None:
        """Answer any path."""
        if READY.is_set() and "ready" not in told:
            told.add("ready")
            note("ready", os.getpid())
        self.send_response(200 if READY.is_set() else 503)
        self.end_headers()


def stop(number: int, frame: FrameType | None) -> None:
    """End, unless told to be stubborn."""
    note("asked_to_stop", os.getpid())
    if not STUBBORN:
        sys.exit(0)


told: set[str] = set()
note("started", os.getpid())
grandchild = subprocess.Popen(["sleep", "1000"], start_new_session=True)
note("grandchild", grandchild.pid)
signal.signal(signal.SIGTERM, stop)
wait = float(sys.argv[sys.argv.index("--ready-after") + 1]) if "--ready-after" in sys.argv else 0.0
threading.Timer(wait, READY.set).start()
print(f"{NAME} listens", flush=True)
HTTPServer(("127.0.0.1", int(PORT)), Health).serve_forever()
