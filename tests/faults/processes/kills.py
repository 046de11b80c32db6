"""Where processes are killed: at random, and at every step that makes something durable, just before and just after."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tests.faults.processes.cluster import Cluster
from tests.flaky_proxy import Call

__all__ = ["CI_KILLS", "STEPS", "Kill", "Step", "all_kills", "kill_one_by_one"]

TRAP_PATIENCE: Final = 30.0  # seconds until some client brings a server to the step
Place: TypeAlias = Literal["store", "target"]


class Step(Struct, frozen=True):
    """A call that makes something durable: where it goes, and how it is known."""

    place: Place
    fits: Callable[[Call], bool]


def _put(folder: str, *, creates: bool = True) -> Step:
    return Step("store", lambda call: call.method == "PUT" and folder in call.path and call.creates == creates)


def _ask(method: str, folder: str) -> Step:
    return Step("target", lambda call: call.method == method and call.path.startswith(folder))


STEPS: Final[Mapping[str, Step]] = {
    "claim of a key": _put("/atdm-catalog/idempotency/"),
    "mark in the process log": _put("/atdm-audit/segments/"),
    "catalog row": _put("/atdm-catalog/runs/"),
    "seed": _ask("PUT", "/internal/runs/"),
    "run object": _put("/atdm-audit/runs/"),
    "part of a trail": _put("/atdm-audit/parts/"),
    "view": _put("/atdm-audit/runs/", creates=False),
    "delete": _ask("DELETE", "/internal/runs/"),
    "extension": _ask("PATCH", "/internal/runs/"),
    "expiry": _ask("DELETE", "/internal/expired/"),
}


class Kill(Struct, frozen=True):
    """Who is killed, and at which step, before or after it is done; without a step, at any moment."""

    who: Literal["server", "target", "postgres"]
    step: str | None = None
    done: bool = False

    def __str__(self) -> str:
        return f"{self.who}, {'after' if self.done else 'before'} {self.step}" if self.step else f"{self.who}, any time"


def all_kills(count: int, seed: int) -> list[Kill]:
    """So many: every step before and after, and everybody at any moment, again and again in another order."""
    cycle = [Kill("server", step, done) for step in STEPS for done in (False, True)]
    cycle += [Kill("server"), Kill("server"), Kill("target"), Kill("target"), Kill("postgres"), Kill("postgres")]
    dice, kills = random.Random(seed), list[Kill]()
    while len(kills) < count:
        kills += dice.sample(cycle, len(cycle))
    return kills[:count]


CI_KILLS: Final = [
    *(Kill("server", step, done=bool(number % 2)) for number, step in enumerate(STEPS)),
    Kill("target"),
    Kill("postgres"),
]
"""Every step once, and the two others."""


async def kill_one_by_one(cluster: Cluster, kills: Sequence[Kill], told: Callable[[str], None]) -> None:
    """Kill, and start again while the next is waited for. All are up when this returns."""
    dice = random.Random(len(kills))
    starting: dict[str, asyncio.Task[None]] = {}
    for number, kill in enumerate(kills):
        name = cluster.servers[number % len(cluster.servers)] if kill.who == "server" else kill.who
        for other in {name, "target", "postgres"} if kill.who != "server" else {name}:
            if other in starting:  # the target does not start without its database
                await starting[other]
        if kill.step is None:
            await asyncio.sleep(dice.uniform(0.05, 0.5))
        else:
            await _reached(cluster, name, kill)
        cluster.kill(name)
        told(str(kill))
        starting[name] = asyncio.create_task(cluster.start(name))
    await asyncio.gather(*starting.values())


async def _reached(cluster: Cluster, name: str, kill: Kill) -> None:
    step = STEPS[kill.step or ""]
    proxy = (cluster.store_proxies if step.place == "store" else cluster.target_proxies)[name]
    trap = proxy.arm(step.fits, done=kill.done)
    try:
        async with asyncio.timeout(TRAP_PATIENCE):
            await trap.caught.wait()
    except TimeoutError:
        raise AssertionError(f"within {TRAP_PATIENCE:.0f} s no client brought {name} to: {kill}") from None
