"""How many bundles Hypothesis draws in a second, and how many of them stand in a live target for a time.

`python -m tests.bench.bench_strategies` runs it. Beside bundles stands what Hypothesis needs for bare integers on the
same machine, beside live examples what the same requests and resets take in a plain loop: the ratios travel between
machines, the figures do not.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atdm import AtdmClient
from atdm.beside import resets_beside_requests
from atdm.hypothesis import LIFETIME_SECONDS, live
from atdm_core.strategies import bundles
from infra.local_stack import local_stack

EXAMPLES = 1_000
LIVE_EXAMPLES = 100
TURNS = 3
INTEGERS = 23  # what a bundle of this scenario was drawn from when each answer was a draw
SCENARIO = "claim_denial_active_member"
VIOLATED = "temporal.eligibility_window_contains_claim"


def drawn(strategy: st.SearchStrategy[Any], examples: int = EXAMPLES) -> Callable[[], None]:
    """The drawing of so many examples, as under pytest with the plugin."""

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def draw(_: Any) -> None:
        pass

    def work() -> None:
        with resets_beside_requests(draw):
            draw()

    return work


def fastest(*works: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds that each takes at its best: they take turns, as others use the machine too, and the first warms up."""
    turns = [[seconds(work, clock) for work in works] for _ in range(TURNS + 1)][1:]
    return [min(times) for times in zip(*turns, strict=True)]


def seconds(work: Callable[[], None], clock: Callable[[], float]) -> float:
    """How long `work` takes."""
    started = clock()
    work()
    return clock() - started


def measure_live(client: AtdmClient) -> None:
    """Live examples beside plain requests and resets, and beside the least that HTTP takes."""

    def plain() -> None:
        for _ in range(LIVE_EXAMPLES):
            answer = client.request_scenario(SCENARIO, ttl_seconds=LIFETIME_SECONDS, return_records=True)
            client.reset_run(answer["test_run_id"], answer["cleanup"]["cleanup_token"])

    def ask() -> None:
        for _ in range(LIVE_EXAMPLES):
            assert http.get("/health").status_code == 200

    examples = drawn(live(bundles("healthcare", SCENARIO), client=client), LIVE_EXAMPLES)
    with httpx2.Client(base_url=client.api_url, trust_env=False) as http:
        got, bare, took = fastest(ask, plain, examples)
    print(f"{LIVE_EXAMPLES} live examples: {took:.2f} s, {LIVE_EXAMPLES / took:.0f} examples/s")
    print(f"{LIVE_EXAMPLES} plain requests and resets: {bare:.2f} s; ratio {took / bare:.2f}")
    print(
        f"{LIVE_EXAMPLES} bare GETs: {got:.2f} s; ratio {took / got:.1f}, of plain requests and resets {bare / got:.1f}"
    )


def main() -> None:
    """Measure and print."""
    strategies: list[st.SearchStrategy[Any]] = [
        st.tuples(*[st.integers(0, 1000)] * INTEGERS),
        bundles("healthcare", SCENARIO),
        bundles("healthcare", SCENARIO, violating=VIOLATED),
    ]
    times = fastest(*map(drawn, strategies), clock=time.process_time)  # of this process, whatever others do
    bare, good, broken = (EXAMPLES / took for took in times)
    print(f"good bundles: {good:,.0f} examples/s; bundles that break one rule: {broken:,.0f} examples/s")
    print(f"{INTEGERS} bare integers: {bare:,.0f} examples/s; ratio {good / bare:.2f}")
    with (
        tempfile.TemporaryDirectory(prefix="atdm-bench-") as folder,
        local_stack(Path(folder)) as stack,
        AtdmClient(stack.api_url, stack.api_token) as client,
    ):
        measure_live(client)


if __name__ == "__main__":
    main()
