"""Three servers, a store and a target in every weather, for many virtual hours."""

import time
from collections.abc import Callable

from tests.faults.simulation.hunt import LONG, SEED, hunt
from tests.faults.simulation.machine import Simulation

RUNS, STEPS = (2_000, 200) if LONG else (300, 100)


def test_promises_are_kept_in_every_weather(tried: Callable[[str, int, str], None]) -> None:
    """Whatever fails, is late, comes twice or dies, every promise is kept 90 s after all is back."""
    began = time.process_time()
    Simulation.seen.clear()
    hunt(Simulation, runs=RUNS, steps=STEPS, shrink=True)
    seconds = time.process_time() - began
    tried(f"simulation: runs of {STEPS} steps", RUNS, f"no promise broken (seed {SEED}, {seconds:.0f} s)")
    for what, times in sorted(Simulation.seen.items()):
        tried(f"simulation: {what}", times, "")
