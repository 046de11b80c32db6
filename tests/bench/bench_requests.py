"""How long a request and a reset take over HTTP, one after the other, on the real local stack. `make bench` runs it.

Prints milliseconds, and their ratio to a bare `GET /health` of the same server in the same run.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from infra.local_stack import local_stack

WARM_UP = 20
REQUESTS = 300
BODY = {"scenario": "claim_denial_active_member"}


def milliseconds(work: Callable[[], httpx2.Response]) -> tuple[float, httpx2.Response]:
    """How long `work` takes, and its answer, which must be a success."""
    started = time.perf_counter()
    answer = work()
    took = (time.perf_counter() - started) * 1e3
    assert answer.status_code == 200, answer.text
    return took, answer


def main() -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {"health": [], "request": [], "reset": []}
    with tempfile.TemporaryDirectory(prefix="atdm-bench-") as folder, local_stack(Path(folder)) as stack:
        headers = {"authorization": f"Bearer {stack.api_token}"}
        with httpx2.Client(base_url=stack.api_url, headers=headers, timeout=30, trust_env=False) as http:
            for _ in range(WARM_UP + REQUESTS):
                health, _answer = milliseconds(lambda: http.get("/health"))
                request, answer = milliseconds(lambda: http.post("/test-data/requests", json=BODY))
                cleanup = answer.json()["cleanup"]
                body = {"cleanup_token": cleanup["cleanup_token"]}
                reset, _answer = milliseconds(lambda: http.post(cleanup["endpoint"], json=body))  # noqa: B023
                for name, took in (("health", health), ("request", request), ("reset", reset)):
                    times[name].append(took)
    bare = statistics.median(times["health"][WARM_UP:])
    for name, taken in times.items():
        measured = sorted(taken[WARM_UP:])
        median, slow = statistics.median(measured), measured[len(measured) * 99 // 100]
        print(f"{name:<8} p50 {median:7.2f} ms   p99 {slow:7.2f} ms   {median / bare:5.1f} x a bare GET")


if __name__ == "__main__":
    main()
