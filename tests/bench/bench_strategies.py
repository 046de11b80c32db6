"""How many bundles Hypothesis draws in a second. `python -m tests.bench.bench_strategies` runs it.

Beside it stands what Hypothesis needs for as many bare integers on the same machine, which is the limit: the ratio
travels between machines, the figures do not.
"""

import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atdm_core.strategies import bundles

EXAMPLES = 1_000
DRAWS = 23  # integers behind one bundle of this scenario
SCENARIO = "claim_denial_active_member"
VIOLATED = "temporal.eligibility_window_contains_claim"


def rate(strategy: st.SearchStrategy[Any]) -> float:
    """Examples per second of this process's time."""
    count = 0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def draw(_: Any) -> None:
        nonlocal count
        count += 1

    busy = seconds(draw)
    return count / busy


def seconds(work: Callable[[], object]) -> float:
    """How long `work` keeps the processor busy: other processes do not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    bare = rate(st.tuples(*[st.integers(0, 1000)] * DRAWS))
    good = rate(bundles("healthcare", SCENARIO))
    broken = rate(bundles("healthcare", SCENARIO, violating=VIOLATED))
    print(f"good bundles: {good:,.0f} examples/s; bundles that break one rule: {broken:,.0f} examples/s")
    print(f"{DRAWS} bare integers: {bare:,.0f} examples/s; ratio {good / bare:.2f}")


if __name__ == "__main__":
    main()
