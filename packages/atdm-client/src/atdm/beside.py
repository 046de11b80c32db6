"""Resets beside requests: the data of one example is taken back while the next is drawn and asked for.

A property test waits for the target twice per example, and neither wait needs the other. Before the test looks at the
next data, and when it is over however it ends, nothing of what came before is left.

The pytest plugin opens this around each property test. Nothing here needs Hypothesis to be installed.
"""

import inspect
import warnings
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeAlias

__all__ = ["Reset", "resets_beside_requests", "take_back"]

Reset: TypeAlias = Callable[[], str | None]
"""Takes a run back; what somebody should know of it when it could not."""


class _Begun:
    """Resets that were begun and not yet waited for. They run one after the other, in a thread."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._resets: deque[Future[str | None]] = deque()

    def begin(self, reset: Reset) -> None:
        self._resets.append(self._thread.submit(reset))

    def finish(self) -> None:
        """Return when all are done. One stays in line until it is, so that whoever is interrupted can wait again."""
        while self._resets:
            _ = wait([self._resets[0]])
            _tell(self._resets.popleft().result())


_begun: ContextVar[_Begun | None] = ContextVar("atdm_resets_begun", default=None)


def take_back(reset: Reset) -> None:
    """Begin the reset where `resets_beside_requests` will wait for it, else do it now."""
    begun = _begun.get()
    if begun is None:
        _tell(reset())
    else:
        begun.begin(reset)


@contextmanager
def resets_beside_requests(test: Callable[..., object]) -> Generator[None]:
    """While `test`, a function under Hypothesis' `@given`, runs in this block, resets run beside requests.

    Each has ended before the body of the test is called again, and when the block ends. For any other callable, and
    for a coroutine function, which its own plugin calls, the block changes nothing.
    """
    handle: Any = getattr(test, "hypothesis", None)  # through which plugins may wrap the body
    body: Callable[..., object] | None = getattr(handle, "inner_test", None)
    if body is None or inspect.iscoroutinefunction(body):
        yield
        return
    with ThreadPoolExecutor(1, thread_name_prefix="atdm-reset") as thread:
        begun = _Begun(thread)
        handle.inner_test = _after(begun, body)
        outer = _begun.set(begun)
        try:
            yield
        finally:
            _begun.reset(outer)
            handle.inner_test = body
            begun.finish()


def _after(begun: _Begun, body: Callable[..., object]) -> Callable[..., object]:
    @wraps(body)
    def finished_first(*args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        begun.finish()
        outer = _begun.set(None)  # a property test that is called in here ends before its caller goes on
        try:
            return body(*args, **kwargs)
        finally:
            _begun.reset(outer)

    return finished_first


def _tell(message: str | None) -> None:
    if message:
        warnings.warn(message, stacklevel=3)
