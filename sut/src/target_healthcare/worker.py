"""A worker process of granian: the application, for as long as the process that started it lives."""

import multiprocessing
import os
import signal
import threading
import time

from litestar import Litestar

from target_healthcare.app import create_app

_GRACE_SECONDS = 10.0
"""How long requests in flight get to finish, as when the parent itself says stop."""


def create_worker_app() -> Litestar:
    """Build the application in a worker, see `create_app`."""
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()
    return create_app()


def end_with_parent() -> None:
    """Wait until the parent ends, then end this process: one that was killed could not tell its workers to stop.

    They would go on answering on its port, and nobody would ever stop them.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
