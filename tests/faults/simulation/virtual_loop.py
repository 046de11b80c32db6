"""An event loop whose time is virtual, and processes in it that can be paused, and can vanish in the middle of a step.

Handles run one after the other in the order of their time, so a run is a function of what is put into the loop. Every
handle belongs to the process in whose context it was made; those of a dead process never run again, which is what a
crash is: no `finally`, no cancellation, only silence.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

__all__ = ["Process", "VirtualLoop"]

CANCELLED_AT_MOST = 5  # times, for one who is at something that must be ended goes on after the first
_T = TypeVar("_T")
_PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)


class Process:
    """What crashes as one: the tasks of a server, from its start to its end."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop
        loop.processes.append(self)
        self.alive = True
        self.paused_until = 0.0
        self.in_flight_is_lost = False

    def spawn(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        """Begin some work in this process."""
        context = copy_context()
        context.run(_PROCESS.set, self)
        return self._loop.create_task(work, context=context)


class _Handle(asyncio.TimerHandle):
    def __init__(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], loop: "VirtualLoop", context: Context
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.process = context.get(_PROCESS)
        self._action = (context, callback, args)

    def run(self) -> None:
        """Do what was put off."""
        context, callback, args = self._action
        context.run(callback, *args)


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. Nothing in it waits: when there is nothing to do now, its time moves on to what comes next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._counter = 0
        self._queue: list[tuple[float, int, _Handle]] = []
        self._of_the_dead: list[_Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self.processes: list[Process] = []
        self.failures: list[dict[str, Any]] = []

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def run_for(self, seconds: float) -> None:
        """Do everything that happens in the next `seconds`."""
        self._run(self._now + seconds, lambda: False)

    def run_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Do everything that happens until `done`, at most in the next `seconds`."""
        self._run(self._now + seconds, done)

    def outside(self, delay: float, callback: Callable[[], object]) -> None:
        """Do something after `delay` seconds that belongs to no process: the network, the store, the target."""
        self.call_at(self._now + delay, callback, context=Context())

    def end(self) -> None:
        """Cancel all that is unfinished, that of the dead too, and run it to its end."""
        self._queue = [(0.0, number, handle) for _, number, handle in sorted(self._queue) if handle.process is not None]
        for handle in self._of_the_dead:
            self._push(0.0, handle)
        for process in self.processes:
            process.alive, process.paused_until = True, 0.0
        for _ in range(CANCELLED_AT_MOST):
            for task in self._tasks:
                task.cancel()
            self.run_for(1.0)
            self._tasks = [task for task in self._tasks if not task.done()]
        self._queue.clear()

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        """See `asyncio`."""
        return self.call_at(self._now, callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio`."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        """See `asyncio`."""
        handle = _Handle(when, callback, args, self, copy_context() if context is None else context)
        self._push(when, handle)
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        """See `asyncio`."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        """See `asyncio`."""
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """See `asyncio`. What it is told of is kept for whoever looks at the run."""
        self.failures.append(context)

    def get_debug(self) -> bool:
        """See `asyncio`."""
        return False

    def is_running(self) -> bool:
        """See `asyncio`."""
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        """See `asyncio`."""
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """See `asyncio`. A cancelled handle is dropped when its time comes."""

    def _push(self, when: float, handle: _Handle) -> None:
        self._counter += 1
        heappush(self._queue, (when, self._counter, handle))

    def _run(self, until: float, done: Callable[[], bool]) -> None:
        with _running(self):
            while self._queue and self._queue[0][0] <= until and not done():
                when, _, handle = heappop(self._queue)
                self._now = max(self._now, when)
                process = handle.process
                if handle.cancelled():
                    continue
                if process is not None and not process.alive:
                    self._of_the_dead.append(handle)
                elif process is not None and process.paused_until > self._now:
                    self._push(process.paused_until, handle)
                else:
                    handle.run()
        if not done():
            self._now = max(self._now, until)


@contextmanager
def _running(loop: VirtualLoop) -> Generator[None]:
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)
