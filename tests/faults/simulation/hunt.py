"""The hunt for a broken promise: many runs of a simulation, all of them from one seed."""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.simulation.machine import Simulation
from tests.faults.simulation.remembered import remembered_decoding

__all__ = ["LONG", "SEED", "hunt"]

LONG: Final = os.environ.get("ATDM_FAULTS") == "long"
"""Whether there is time: `make faults`."""
SEED: Final = int(os.environ.get("ATDM_FAULTS_SEED", "4"))
"""What every run follows from; set the environment variable to the one that a failure told to see it again."""


def hunt(machine: type[Simulation], *, runs: int, steps: int, shrink: bool) -> None:
    """Run a simulation so often, with so many steps; `Broken` when a promise is, with the shortest history found."""
    budget = settings(
        max_examples=runs,
        stateful_step_count=steps,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
    )
    try:
        with remembered_decoding():
            run_state_machine_as_test(seed(SEED)(machine), settings=budget)
    except AssertionError as error:
        error.add_note(f"ATDM_FAULTS_SEED={SEED} shows it again")
        raise
