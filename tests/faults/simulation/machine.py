"""The state machine that Hypothesis drives: what callers, clocks, networks and power lines do to three servers."""

from collections import Counter
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Known
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from atdm_core import Request
from atdm_core.values import ConstraintValue, Delivery
from tests.faults.simulation.servers import Design
from tests.faults.simulation.settlement import check_settlement
from tests.faults.simulation.weather import FATES, Crash, Fate, Place
from tests.faults.simulation.world import SERVERS, Asked, Whole, World

__all__ = ["HEALED_WITHIN", "Simulation"]

HEALED_WITHIN: Final = 90.0
"""Seconds after which everything is settled, once store and target are back."""

SERVER = st.integers(0, SERVERS - 1)
PLACE = st.sampled_from(("store", "target"))
TTL = st.sampled_from((None, None, 300, 40))
CLOCKS = st.sampled_from(((0.0, 0.0, 0.0), (0.0, 90.0, -90.0), (-86_400.0, 0.0, 86_400.0)))


class Simulation(RuleBasedStateMachine):
    """One run of the simulation. Subclasses with another `design` have a bug in it."""

    design: ClassVar[Design] = Design()
    seen: ClassVar[Counter[str]] = Counter()

    asked: Known[Asked] = Known("asked")

    @initialize(seed=st.integers(0, 2**32 - 1), fault_rate=st.sampled_from((0.0, 0.02, 0.1)), skews=CLOCKS)
    def start(self, seed: int, fault_rate: float, skews: tuple[float, ...]) -> None:
        """Three servers start; everything that no rule says follows from `seed`."""
        self.world = World(self.design, seed=seed, fault_rate=fault_rate, skews=skews)

    @rule(
        target=asked,
        server=SERVER,
        keyed=st.booleans(),
        ttl=TTL,
        seeds=st.sampled_from((True, True, True, False)),
        valid=st.sampled_from((True, True, True, True, False)),
        waits=st.booleans(),
    )
    def request(self, *, server: int, keyed: bool, ttl: int | None, seeds: bool, valid: bool, waits: bool) -> Asked:
        """Somebody asks for data."""
        asked = self._new_request(keyed=keyed, ttl=ttl, seeds=seeds, valid=valid)
        self._ask(server, asked, waits)
        return asked

    @rule(server=SERVER, asked=asked, same=st.sampled_from((True, True, True, False)), waits=st.booleans())
    def retry(self, server: int, asked: Asked, same: bool, waits: bool) -> None:
        """Somebody sends a request again, to any server; with another body it must be refused."""
        if asked.key is None:
            return
        if not same:
            asked = Asked(Request("two_orders"), asked.key, valid=True)
        self._ask(server, asked, waits)

    @rule(
        target=asked,
        server=SERVER,
        step=st.integers(0, 5),
        done=st.booleans(),
        only_cut_off=st.booleans(),
        ttl=TTL,
        sweeps_first=st.booleans(),
        head_start=st.sampled_from((0.0, 0.02, 0.05, 0.1)),
    )
    def succeed(
        self,
        *,
        server: int,
        step: int,
        done: bool,
        only_cut_off: bool,
        ttl: int | None,
        sweeps_first: bool,
        head_start: float,
    ) -> Asked:
        """A server dies or is cut off at a request; a minute later its caller asks another, and a third cleans up."""
        asked = self._new_request(keyed=True, ttl=ttl)
        first = self.world.up(server)
        self.world.arm(first, Crash(step, done, only_cut_off=only_cut_off))
        self._ask(server, asked, waits=False)
        self.world.pass_time(1.0)
        cleaner, second = self.world.up(server + 1), self.world.up(server + 2)
        self.world.begin(cleaner, self.world.sweep)
        self.world.pass_time(61.0)
        if sweeps_first:
            self.world.begin(cleaner, self.world.sweep)
            self.world.pass_time(head_start)
        self.world.begin(second, self.world.request, asked)
        self.world.pass_time(head_start)
        if not sweeps_first:
            self.world.begin(cleaner, self.world.sweep)
        if only_cut_off:
            self.world.pass_time(1.0)
            self.world.reconnect(first)
            self.world.begin(first, self.world.sweep)
        return asked

    @rule(
        server=SERVER,
        run=st.integers(0, 50),
        right=st.sampled_from((True, True, False)),
        times=st.integers(1, 2),
        waits=st.booleans(),
    )
    def reset(self, server: int, run: int, right: bool, times: int, waits: bool) -> None:
        """Somebody takes a run back, perhaps twice at once, perhaps without its token."""
        told = self.world.promises.acknowledged()
        if not told:
            return
        outcome = told[run % len(told)]
        for other in range(times):
            place = self.world.up(server + other)
            self.world.begin(place, self.world.reset, outcome, None if right else "no token of this run")
        self._wait(waits)

    @rule(server=SERVER, run=st.integers(0, 50), ttl=st.sampled_from((30, 600)), waits=st.booleans())
    def extend(self, server: int, run: int, ttl: int, waits: bool) -> None:
        """Somebody wants a run to live for another while."""
        told = self.world.promises.acknowledged()
        if told:
            self.world.begin(self.world.up(server), self.world.extend, told[run % len(told)], ttl)
            self._wait(waits)

    @rule(seconds=st.sampled_from((0.01, 0.1, 1.0, 10.0, 61.0, 200.0)))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.world.pass_time(seconds)

    @rule(server=SERVER, waits=st.booleans())
    def sweep(self, server: int, waits: bool) -> None:
        """A server does a round of recovery and expiry."""
        self.world.begin(self.world.up(server), self.world.sweep)
        self._wait(waits)

    @rule(
        server=SERVER, what=st.sampled_from(("baseline_snapshot", "baseline_restore", "reset_all")), waits=st.booleans()
    )
    def whole(self, server: int, what: Whole, waits: bool) -> None:
        """Somebody puts the whole database back, or keeps it."""
        self.world.begin(self.world.up(server), self.world.whole, what)
        self._wait(waits)

    @rule(
        server=SERVER,
        step=st.none() | st.integers(0, 7),
        done=st.booleans(),
        in_flight_is_lost=st.booleans(),
    )
    def crash(self, server: int, step: int | None, done: bool, in_flight_is_lost: bool) -> None:
        """A server vanishes: now, or at one of its next durable steps."""
        place = self.world.servers[server]
        if step is None:
            self.world.crash(place)
        else:
            self.world.arm(place, Crash(step, done, in_flight_is_lost))

    @rule(server=SERVER, place=PLACE, fate=st.sampled_from(FATES), after=st.integers(0, 4))
    def fault(self, server: int, place: Place, fate: Fate, after: int) -> None:
        """Something happens to a call that is still to come."""
        self.world.servers[server].links[place].arm(fate, after)

    @rule(server=SERVER, what=st.sampled_from(("cut off store", "cut off target", "pause", "long pause", "power cut")))
    def disturb(self, server: int, what: str) -> None:
        """A server is cut off, or stands still and does not know; or the power goes, of all servers and the store."""
        place = self.world.servers[server]
        match what:
            case "cut off store":
                self.world.partition(place, "store")
            case "cut off target":
                self.world.partition(place, "target")
            case "power cut":
                self.world.cut_power()
            case _:
                self.world.pause(place, 70.0 if what == "long pause" else 5.0)

    @rule()
    def heal(self) -> None:
        """All partitions and pauses end, all servers are up."""
        self.world.heal()

    def teardown(self) -> None:
        """Everything is healed, 90 seconds pass, all is looked at; what arrives still later must change nothing."""
        if not hasattr(self, "world"):
            return
        try:
            self.world.settle(HEALED_WITHIN)
            self.world.look(check_settlement(self.world))
            self.world.ask_again()
            self.world.stop()
        finally:
            Simulation.seen.update(self.world.seen + self.world.weather.seen)
            self.world.end()

    def _new_request(self, *, keyed: bool, ttl: int | None, seeds: bool = True, valid: bool = True) -> Asked:
        constraints: dict[str, ConstraintValue] = {} if valid else {"tier": "plain", "order_status": "open"}
        request = Request("one_order", constraints=constraints, delivery=Delivery(seed_target=seeds), ttl_seconds=ttl)
        self.world.keys += 1
        return Asked(request, f"key-{self.world.keys}" if keyed else None, valid)

    def _ask(self, server: int, asked: Asked, waits: bool) -> None:
        self.world.begin(self.world.up(server), self.world.request, asked)
        self._wait(waits)

    def _wait(self, waits: bool) -> None:
        if waits:
            self.world.await_latest()
        else:
            self.world.check()
