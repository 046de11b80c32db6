"""How fast the core is: one bundle, and a million claims, each generated and validated. `make bench` runs it.

Prints milliseconds and rows per second, and what plain numpy needs for as many random numbers on the same machine:
the ratios travel between machines, the figures do not.
"""

import statistics
import time
from collections.abc import Callable
from datetime import date

import numpy as np

from atdm_core import generate, judge
from atdm_healthcare import PACK

SCENARIO = "claim_denial_active_member"
BUNDLES = 2_000
ROWS = 1_000_000
DRAWS_PER_BUNDLE = 20  # columns that draw


def bundle(seed: int, rows: int) -> None:
    """Generate and validate `rows` bundles."""
    plan = PACK.plan(SCENARIO, {}, seed=seed, as_of=date(2026, 7, 4))
    made = generate(PACK, plan, "01J00000000000000000000000", rows=range(rows))
    assert all(finding.ok for finding in judge(PACK, plan, made))


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    bundle(0, 1)
    single = [seconds(lambda seed=seed: bundle(seed, 1)) for seed in range(BUNDLES)]
    single.sort()
    many = min(seconds(lambda: bundle(1, ROWS)) for _ in range(3))
    generator = np.random.default_rng(1)
    bare = min(seconds(lambda: [generator.integers(0, 1000, ROWS) for _ in range(DRAWS_PER_BUNDLE)]) for _ in range(3))
    entities = len(PACK.scenario(SCENARIO).generators)
    print(f"one bundle, generated and validated: p50 {statistics.median(single) * 1e3:.3f} ms, ", end="")
    print(f"p99 {single[BUNDLES * 99 // 100] * 1e3:.3f} ms")
    print(f"{ROWS:,} bundles in {many:.2f} s: {ROWS / many:,.0f} claim rows/s, {entities * ROWS / many:,.0f} rows/s")
    print(f"plain numpy, {DRAWS_PER_BUNDLE} draws each: {bare:.2f} s; ratio {many / bare:.2f}")


if __name__ == "__main__":
    main()
