"""Three servers, a store and a target in virtual time, what callers do, and what is asked at the end."""

from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeAlias

import ulid
from msgspec import Struct

from atdm_core import Caller, Outcome, Request
from atdm_core.errors import (
    AtdmError,
    IdempotencyKeyReused,
    RequestInProgress,
    RunGone,
    RunNotFound,
    StoreUnavailable,
    TargetError,
    TokenMismatch,
    ValidatorRejected,
)
from atdm_core.testing import MemoryBaselines
from tests.faults.simulation.promises import KEY, Broken, Promises
from tests.faults.simulation.servers import BEGINNING, Design, Server, Surroundings
from tests.faults.simulation.virtual_loop import VirtualLoop
from tests.faults.simulation.weather import LATEST, Crash, Place, Weather
from tests.unit.atdm_core.shop import SHARED

__all__ = ["SERVERS", "Asked", "Whole", "World"]

SERVERS: Final = 3
OUTAGES: Final = (StoreUnavailable, TargetError)
Whole: TypeAlias = Literal["baseline_snapshot", "baseline_restore", "reset_all"]
JOURNAL_TOLD: Final = 100
_P = ParamSpec("_P")


class Asked(Struct, frozen=True):
    """A request that was sent. `valid` is whether its constraints go together."""

    request: Request
    key: str | None
    valid: bool


class World:
    """The simulation. Whatever is begun goes on until time has passed; `Broken` when a promise is seen to be broken."""

    def __init__(self, design: Design, *, seed: int, fault_rate: float, skews: tuple[float, ...]) -> None:
        self.loop = VirtualLoop()
        self.seen: Counter[str] = Counter()
        self._journal: list[str] = []
        self.weather = Weather(self.loop, seed, fault_rate, self.note)
        self.target = design.target(SHARED, now=self.now)
        self.target.tables["country"] = {"ZZ": {"code": "ZZ", "name": "Nowhere"}}
        self.promises = Promises(self.target, self.now)
        self.audit, self.catalog = design.bucket("atdm-audit", self.loop), design.bucket("atdm-catalog", self.loop)
        around = Surroundings(
            design=design,
            loop=self.loop,
            weather=self.weather,
            audit=self.audit,
            catalog=self.catalog,
            target=self.target,
            baselines=MemoryBaselines(),
            promises=self.promises,
            report=self._reported,
        )
        self._ids = ulid.ULIDGenerator(clock=lambda: int(self.now().timestamp() * 1000), randomness=lambda _: bytes(10))
        self._unexpected: Exception | None = None
        self.settled_at = self.now()
        self.keys = 0
        self._answered: dict[str, Asked] = {}
        with self._ids_of_this_world():
            self.servers = [Server(number, skew, around) for number, skew in enumerate(skews)]

    def now(self) -> datetime:
        """The time that is right, which is that of the target."""
        return BEGINNING + timedelta(seconds=self.loop.time())

    def note(self, what: str) -> None:
        """Write a line into the journal that a failure shows."""
        self._journal.append(f"{self.loop.time():9.3f} {what}")

    def begin(
        self,
        server: Server,
        work: Callable[Concatenate[Server, _P], Coroutine[Any, Any, None]],
        *args: _P.args,
        **options: _P.kwargs,
    ) -> None:
        """Have a server do something, unless it is down."""
        if not server.process.alive:
            return
        name = work.__name__.replace("_", " ")
        self.seen[name] += 1
        self.note(f"server {server.number}: {name}")

        async def watched() -> None:
            try:
                await work(server, *args, **options)
            except Exception as error:  # noqa: BLE001 - whatever was not foreseen breaks the run
                self.note(f"{name}: {type(error).__name__}: {error}")
                self._unexpected = self._unexpected or error

        with self._ids_of_this_world():
            self._latest = server.process.spawn(watched())

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and check what must hold at any moment."""
        with self._ids_of_this_world():
            self.loop.run_for(seconds)
        self.check()

    def await_latest(self) -> None:
        """Let time pass until what was begun last has ended; a minute at most."""
        with self._ids_of_this_world():
            self.loop.run_until(self._latest.done, 60.0)
        self.check()

    def check(self) -> None:
        """See `Promises.check`; nor may anything have failed in a way that nobody foresaw."""
        try:
            self._check_failures()
            self.promises.check()
        except Broken as broken:
            broken.add_note("\n".join(self._journal[-JOURNAL_TOLD:]))
            raise

    def look(self, question: Coroutine[Any, Any, None]) -> None:
        """Have a question answered that no fault comes in the way of."""
        task = self.loop.create_task(question, context=Context())
        self.loop.run_until(task.done, 1.0)
        try:
            task.result()
        except Broken as broken:
            broken.add_note("\n".join(self._journal[-JOURNAL_TOLD:]))
            raise

    def end(self) -> None:
        """Let go of everything."""
        self.weather.over = True
        self.loop.end()

    async def request(self, server: Server, asked: Asked) -> None:
        """Send a request, and hold the server to what it answers."""
        KEY.set(asked.key)
        try:
            outcome = await server.engine.request(asked.request, Caller("agent:sim", idempotency_key=asked.key))
        except (*OUTAGES, RequestInProgress):
            return
        except ValidatorRejected as error:
            if asked.valid or error.run_id is None:
                raise
            self.promises.life(error.run_id).rejected = True
            return
        except IdempotencyKeyReused:
            if asked.key is None:
                raise
            self.seen["key reused: refused"] += 1
            return
        self.seen["request: answered"] += 1
        self.note(f"server {server.number}: run {outcome.test_run_id} is acknowledged")
        self.promises.answered(outcome, asked.key, seeds_target=asked.request.delivery.seed_target)
        if asked.key is not None:
            self._answered[asked.key] = asked

    async def reset(self, server: Server, outcome: Outcome, token: str | None) -> None:
        """Send a reset; `token` None is the right one."""
        life = self.promises.life(outcome.test_run_id)
        if token is None:
            life.free = True
        try:
            answer = await server.engine.reset(outcome.test_run_id, token or outcome.cleanup.cleanup_token, "human:ann")
        except OUTAGES:
            return
        except TokenMismatch:
            if token is None:
                raise
            return
        if token is not None:
            raise Broken(f"run {outcome.test_run_id} was reset with a token that is not its own")
        self.seen["reset: " + answer.status.replace("_", " ")] += 1
        if answer.status == "cleaned":
            life.cleaned = True

    async def extend(self, server: Server, outcome: Outcome, ttl_seconds: int) -> None:
        """Ask for more time."""
        try:
            await server.engine.extend(outcome.test_run_id, outcome.cleanup.cleanup_token, ttl_seconds, "human:ann")
        except (*OUTAGES, RunGone):
            return
        self.seen["extend: answered"] += 1

    async def whole(self, server: Server, strategy: Whole) -> None:
        """Do something to the whole database."""
        try:
            await server.engine.apply(strategy, "human:ops", {})
        except AtdmError as error:
            if not isinstance(error, OUTAGES) and error.code not in ("NO_BASELINE", "BASELINE_EXISTS"):
                raise
            return
        self.seen[strategy.replace("_", " ") + ": answered"] += 1

    async def sweep(self, server: Server) -> None:
        """One round of recovery and expiry."""
        await server.engine.sweep()

    async def keep_sweeping(self, server: Server) -> None:
        """Rounds, at the pace that servers have."""
        await server.engine.keep_sweeping()

    def arm(self, server: Server, crash: Crash) -> None:
        """Let a server vanish at a durable step that is still to come."""
        self.weather.crashes[server.number] = crash

    def crash(self, server: Server) -> None:
        """Let a server vanish now."""
        self.seen["crash: at once"] += 1
        self.note(f"server {server.number}: crashes")
        server.process.alive = False

    def up(self, number: int) -> Server:
        """The server of this number, else the next that is up; the first, started anew, when none is."""
        places = [self.servers[(number + step) % SERVERS] for step in range(SERVERS)]
        place = next((place for place in places if place.process.alive), places[0])
        self.restart(place)
        return place

    def restart(self, server: Server) -> None:
        """Start a server that is down."""
        if not server.process.alive:
            self.seen["restart"] += 1
            self.note(f"server {server.number}: starts")
            with self._ids_of_this_world():
                server.start()

    def cut_power(self) -> None:
        """All servers vanish, and the store loses what is not synced."""
        self.seen["power cut"] += 1
        self.note("the power is cut")
        for server in self.servers:
            server.process.alive = False
            server.process.in_flight_is_lost = True
        self.audit.lose_power()
        self.catalog.lose_power()

    def pause(self, server: Server, seconds: float) -> None:
        """Let a server stand still. What is sent to it waits."""
        self.seen["pause"] += 1
        self.note(f"server {server.number}: stands still for {seconds} s")
        server.process.paused_until = self.loop.time() + seconds

    def partition(self, server: Server, place: Place) -> None:
        """Cut a server off from a place."""
        self.seen[f"partition: {place}"] += 1
        self.note(f"server {server.number}: is cut off from the {place}")
        server.links[place].cut = True

    def reconnect(self, server: Server) -> None:
        """Let a server reach everything again."""
        for link in server.links.values():
            link.cut = False

    def settle(self, seconds: float) -> None:
        """Bring everything back for good, and give it so many seconds. Writes that are late reach the store before."""
        self.weather.settle()
        for server in self.servers:
            for link in server.links.values():
                link.armed.clear()
        with self._ids_of_this_world():
            self.loop.run_until(lambda: not self.weather.in_flight["store"], LATEST + 60.0)
        self.note("everything is healed")
        self.heal()
        self.settled_at = self.now()
        for server in self.servers:
            self.begin(server, self.keep_sweeping)
        self.pass_time(seconds)

    def ask_again(self) -> None:
        """Send every request that was answered, and has a key, once more, to whichever server."""
        for number, asked in enumerate(list(self._answered.values())):
            before = self.seen["request: answered"]
            self.begin(self.servers[number % SERVERS], self.request, asked)
            self.await_latest()
            if self.seen["request: answered"] == before:
                raise Broken(f"the request with key {asked.key} was answered, and is not answered again")

    def stop(self) -> None:
        """Stop all servers, and let all arrive that is still under way to the target."""
        for server in self.servers:
            server.process.alive = False
        self.pass_time(LATEST)

    def heal(self) -> None:
        """End what was done to servers and links: none is cut off, down or standing still."""
        for server in self.servers:
            server.process.paused_until = 0.0
            self.reconnect(server)
            for link in server.links.values():
                link.armed.clear()
            self.restart(server)

    def _check_failures(self) -> None:
        if self._unexpected is not None:
            raise Broken(f"{type(self._unexpected).__name__}: {self._unexpected}") from self._unexpected
        for failure in self.loop.failures:
            raise Broken(str(failure)) from failure.get("exception")

    def _reported(self, server: int, run_id: str, error: Exception) -> None:
        self.seen["settling failed"] += 1
        if not isinstance(error, OUTAGES):
            self.note(f"server {server}: settling run {run_id} failed: {type(error).__name__}: {error}")
            if not isinstance(error, RunNotFound):
                self._unexpected = self._unexpected or error

    @contextmanager
    def _ids_of_this_world(self) -> Generator[None]:
        usual, ulid.default_generator = ulid.default_generator, self._ids
        try:
            yield
        finally:
            ulid.default_generator = usual
