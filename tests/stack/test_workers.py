"""Several worker processes behind one port: they share nothing in memory, and answer as one."""

import re
from collections.abc import Generator

import httpx2
import pytest

from infra.local_stack import Stack, local_stack

REQUESTS = 24


@pytest.fixture(scope="module")
def stack_of_workers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """A stack whose server and target have three processes each."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ATDM_WORKERS", "3")
        environment.setenv("TARGET_WORKERS", "3")
        with local_stack(tmp_path_factory.mktemp("workers")) as stack:
            yield stack


def answers(stack: Stack, count: int) -> list[httpx2.Response]:
    """The answers to requests that each come over a connection of their own, so that any worker may take them."""
    headers = {"authorization": f"Bearer {stack.api_token}"}
    url = f"{stack.api_url}/test-data/requests"
    return [httpx2.post(url, headers=headers, json={"scenario": "active_member_clean"}) for _ in range(count)]


def test_metrics_are_those_of_all_workers(stack_of_workers: Stack) -> None:
    """Whichever worker is asked, the metrics count the requests of all."""
    taken = answers(stack_of_workers, REQUESTS)
    assert [answer.status_code for answer in taken] == [200] * REQUESTS
    counts: set[str] = set()
    for _ in range(6):
        text = httpx2.get(f"{stack_of_workers.api_url}/metrics").text
        counts.update(re.findall(r'^atdm_requests_total\{.*status="ready".*\} (\S+)$', text, flags=re.MULTILINE))
        assert re.search(r"^atdm_up(\{.*\})? 1\.0$", text, flags=re.MULTILINE)
    assert counts == {f"{REQUESTS}.0"}


def test_any_worker_can_reset_any_run(stack_of_workers: Stack) -> None:
    """A run that one worker made is reset and read by whichever is asked."""
    headers = {"authorization": f"Bearer {stack_of_workers.api_token}"}
    for run in (answer.json() for answer in answers(stack_of_workers, 6)):
        reset = httpx2.post(
            f"{stack_of_workers.api_url}{run['cleanup']['endpoint']}",
            headers=headers,
            json={"cleanup_token": run["cleanup"]["cleanup_token"]},
        )
        assert reset.json()["status"] == "cleaned"
        trail = httpx2.get(f"{stack_of_workers.api_url}/audit/runs/{run['test_run_id']}").json()
        assert trail["status"] == "cleaned"
