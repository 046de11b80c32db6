"""The network between servers and what they use: it delays, loses and repeats, as a seed and the rules tell it to."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypeVar

from msgspec import Struct

from atdm_core.errors import AtdmError
from tests.faults.simulation.virtual_loop import Process, VirtualLoop

__all__ = ["FATES", "LATEST", "Crash", "Fate", "Link", "Place", "Weather"]

Place: TypeAlias = Literal["store", "target"]
Fate: TypeAlias = Literal["lost", "refused", "answer_lost", "late", "twice"]
FATES: Final[tuple[Fate, ...]] = ("answer_lost", "late", "twice", "lost", "refused")
"""What can happen to a call. `lost`: it never arrives. `refused`: the caller is told so at once. `answer_lost`: it is
done, and nobody hears of it. `late`: it is done long after its caller has given up. `twice`: it is done and answered,
and done once more much later."""

LATEST: Final = 200.0  # seconds that a late call may be under way
_T = TypeVar("_T")


class Crash(Struct):
    """A server vanishes at one of its next durable steps: after `steps` more, before that one is done or after.

    `only_cut_off`: it lives on, and cannot reach that place any more.
    """

    steps: int
    done: bool
    in_flight_is_lost: bool = False
    only_cut_off: bool = False


class Link(Struct):
    """The way of one server to one place. `armed`: what becomes of its next calls, by how many come before."""

    server: int
    place: Place
    timeout: float
    error: Callable[[str], AtdmError]
    cut: bool = False
    armed: dict[int, Fate] = {}
    calls: int = 0

    def arm(self, fate: Fate, after: int) -> None:
        """Let something happen to a call, after so many more."""
        self.armed[self.calls + after] = fate


class Weather:
    """Carries calls. What is not told by a rule is drawn from the seed: delays, and faults at the rate of the run."""

    def __init__(self, loop: VirtualLoop, seed: int, fault_rate: float, journal: Callable[[str], None]) -> None:
        self._loop = loop
        self._random = random.Random(seed)
        self._journal = journal
        self._fault_rate = fault_rate
        self._slow_rate = 0.1
        self.over = False
        self.in_flight: Counter[Place] = Counter()
        self.seen: Counter[str] = Counter()
        self.crashes: dict[int, Crash] = {}

    async def carry(self, process: Process, link: Link, call: str, work: Callable[[], _T], *, writes: bool) -> _T:
        """Have `work` done at the other end, in one atomic step, unless something happens on the way.

        `writes` says whether it changes something there; what only reads cannot be late, nor done twice.
        """
        if self.over:
            raise link.error("the simulation is over")
        fate = self._fate(link, writes=writes)
        told = self._loop.create_future()

        def arrive() -> None:
            self.in_flight[link.place] -= 1
            if not self._arrives(process, link, fate, writes=writes):
                return
            result, error = _outcome(work)
            if writes or fate:
                self._journal(f"server {link.server}: {call}{f' ({fate})' if fate else ''} -> {error or 'done'}")
            if writes:
                self._crash_after(process, link)
            if fate not in ("answer_lost", "late") and not link.cut:
                self._loop.outside(self._delay(), lambda: _tell(told, result, error))

        self._send(link, fate, arrive, lambda: _tell(told, None, link.error(f"no answer to {call}")))
        return await told

    def _arrives(self, process: Process, link: Link, fate: Fate | None, *, writes: bool) -> bool:
        is_lost = (link.cut and fate != "late") or (not process.alive and process.in_flight_is_lost)
        return not is_lost and not (writes and self._crashes_before(process, link))

    def _send(self, link: Link, fate: Fate | None, arrive: Callable[[], None], fail: Callable[[], None]) -> None:
        if fate == "refused":
            self._loop.outside(self._delay(), fail)
            return
        self._loop.outside(link.timeout, fail)
        if fate != "lost":
            self.in_flight[link.place] += 1
            self._loop.outside(link.timeout + self._late() if fate == "late" else self._delay(), arrive)
        if fate == "twice":
            self.in_flight[link.place] += 1
            self._loop.outside(self._late(), arrive)

    def settle(self) -> None:
        """No more faults from now on, and no slow calls."""
        self._fault_rate = self._slow_rate = 0.0
        self.crashes.clear()

    def _fate(self, link: Link, *, writes: bool) -> Fate | None:
        fate = link.armed.pop(link.calls, None)
        link.calls += 1
        if fate is None and self._fault_rate and self._random.random() < self._fault_rate:
            fate = FATES[int(self._random.random() * len(FATES))]
        if fate in ("late", "twice") and not writes:
            fate = "lost" if fate == "late" else None
        if fate is not None:
            self.seen[f"{link.place}: {fate.replace('_', ' ')}"] += 1
        return fate

    def _delay(self) -> float:
        """Milliseconds mostly, seconds now and then."""
        if self._random.random() < self._slow_rate:
            return 3.0 * self._random.random()
        return 0.002 + 0.02 * self._random.random()

    def _late(self) -> float:
        return 1.0 + (LATEST - 1.0) * self._random.random()

    def _crashes_before(self, process: Process, link: Link) -> bool:
        crash = self.crashes.get(link.server)
        if crash is None or not process.alive or crash.steps or crash.done:
            return False
        self._crash(crash, process, link)
        return True

    def _crash_after(self, process: Process, link: Link) -> None:
        crash = self.crashes.get(link.server)
        if crash is None or not process.alive:
            return
        if crash.steps:
            crash.steps -= 1
        else:
            self._crash(crash, process, link)

    def _crash(self, crash: Crash, process: Process, link: Link) -> None:
        del self.crashes[link.server]
        what = "cut off" if crash.only_cut_off else "crash"
        if crash.only_cut_off:
            link.cut = True
        else:
            process.alive = False
            process.in_flight_is_lost = crash.in_flight_is_lost
        self.seen[f"{what}: at a durable step"] += 1
        self._journal(f"server {link.server}: {what} {'after' if crash.done else 'before'} it")


def _tell(told: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if told.done():
        return
    if error is not None:
        told.set_exception(error)
    else:
        told.set_result(result)


def _outcome(work: Callable[[], _T]) -> tuple[_T | None, Exception | None]:
    try:
        return work(), None
    except AtdmError as error:
        return None, error
