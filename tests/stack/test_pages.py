"""The pages in a real Chromium, as a person finds a run there and reads what became of it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from atdm.client import AtdmClient
from infra.local_stack import Stack
from scripts.browser import browse
from tests.html_page import Element, read_page

RUN = [
    "request_received",
    "plan_resolved",
    "validators_passed",
    "seed_started",
    "seed_completed",
    "fixtures_emitted",
    "catalog_recorded",
]


def look_at(url: str) -> Element:
    """The page as Chromium has it after loading everything; nothing on it may have been refused or failed to load."""
    html, told = browse(url, "--dump-dom", "--enable-logging=stderr")
    assert [line for line in told.splitlines() if "CONSOLE" in line] == []
    return read_page(html)


def timeline(page: Element) -> list[tuple[str, str]]:
    """The events on a page, in order: action and status."""
    lines = list(page.section("Timeline").all("summary"))
    actions = [each.text for line in lines for each in line.all("span") if each.attributes["class"] == "action"]
    return list(zip(actions, [status for line in lines for status in line.badges], strict=True))


def test_a_person_finds_a_run_and_reads_what_became_of_it(stack: Stack) -> None:
    """A link in the list of runs leads to the trail: status, four decisions, five records, fixtures, every event."""
    with AtdmClient(api_url=stack.api_url, api_token=stack.api_token, invoker="human:<script>ada</script>") as client:
        answer = client.request_scenario(
            "claim_denial_active_member",
            constraints={"provider_network": "out_of_network"},
            return_playwright_fixture=True,
            return_pytest_fixture=True,
        )
        run = answer["test_run_id"]
        runs = look_at(f"{stack.api_url}/ui/runs?scenario=claim_denial_active_member&status=ready&since=")
        page = look_at(stack.api_url + runs.link(run))

        assert page.one("title").text == f"claim_denial_active_member, {run} - ATDM"
        assert page.one("h1").text == "claim_denial_active_member ready not reset"
        assert "human:<script>ada</script>" in page.text
        assert list(page.all("script")) == []
        assert ["provider_network", "out_of_network", "the request"] in page.table("Constraints, resolved")
        assert [each.text for each in page.section("Validators").all("h3")] == [
            "passed relational.eligibility_status_matches_member",
            "passed relational.claim_references_existing_member",
            "passed domain.denial_requires_invalid_code",
            "passed temporal.eligibility_window_contains_claim",
        ]
        assert page.table("5 records")[1:] == [
            ["plan", f"plan-{run}"],
            ["provider", f"prov-{run}"],
            ["member", f"m-{run}"],
            ["eligibility", f"elig-{run}"],
            ["claim", f"claim-{run}"],
        ]
        written = [each.text for each in page.section("Fixtures").all("li")]
        assert [Path(path).name for path in written] == [
            f"claim_denial_active_member_{run}{s}" for s in (".json", ".ts", ".py")
        ]
        assert timeline(page) == [(action, "ok") for action in RUN]
        clocks = [each.attributes["datetime"] for each in page.section("Timeline").all("time")]
        assert clocks == sorted(clocks)

        client.reset_run(run, answer["cleanup"]["cleanup_token"])
    page = look_at(f"{stack.api_url}/ui/audit/{run}")
    assert page.one("h1").badges == ["cleaned", "reset: cleaned"]
    assert timeline(page)[len(RUN) :] == [("reset_started", "ok"), ("reset_completed", "cleaned")]
    trail = httpx2.get(stack.api_url + page.link("JSON")).json()
    assert trail["head"] in page.text


def test_a_page_that_does_not_exist(stack: Stack) -> None:
    """The page of an unknown run says so, and leads to those that exist."""
    page = look_at(f"{stack.api_url}/ui/audit/nobody")
    assert page.one("h1").text == "Not Found"
    assert page.link("All runs") == "/ui/runs"


@pytest.fixture
def environment(stack: Stack) -> dict[str, str]:
    """The environment of someone who has set the two variables that the page names."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "ATDM_API_URL": stack.api_url, "ATDM_API_TOKEN": stack.api_token}


def test_every_request_that_can_be_copied_works(stack: Stack, environment: dict[str, str], tmp_path: Path) -> None:
    """What the page of scenarios offers to copy seeds the scenario, on the command line, in pytest and over HTTP."""
    page = look_at(f"{stack.api_url}/ui/scenarios")
    assert f"export ATDM_API_URL={stack.api_url}\n" in page.copies[0]
    scenarios = [each.text for each in page.all("h3")]
    assert len(scenarios) == 6
    tests: list[Path] = []
    with AtdmClient(api_url=stack.api_url, api_token=stack.api_token) as client:
        for scenario in scenarios:
            command, test, curl = page.section(scenario).copies
            told = shell(command, environment)
            run, token = re.findall(r"atdm reset (\S+) --token (\S+)", told)[0]
            client.reset_run(run, token)
            answer = post(curl, stack)
            client.reset_run(answer["test_run_id"], answer["cleanup"]["cleanup_token"])
            tests.append(tmp_path / f"test_{scenario}.py")
            tests[-1].write_text(test, encoding="utf-8")
    assert "6 passed" in shell(f"python -m pytest -p no:cacheprovider {shlex.join(map(str, tests))}", environment)


def shell(line: str, environment: dict[str, str]) -> str:
    """The output of a line in a shell."""
    done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def post(curl: str, stack: Stack) -> dict[str, Any]:
    """The answer to what a line would have curl do; curl itself need not be installed."""
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[:3] == ["curl", "-X", "POST"]
    options = list(zip(words[4::2], words[5::2], strict=True))
    told = [value.replace("$ATDM_API_TOKEN", stack.api_token) for name, value in options if name == "-H"]
    headers = dict(header.split(": ", 1) for header in told)
    body = next(value for name, value in options if name == "-d")
    answer = httpx2.post(words[3].replace("$ATDM_API_URL", stack.api_url), headers=headers, content=body)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)
