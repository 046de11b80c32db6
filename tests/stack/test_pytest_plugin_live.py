"""The pytest plugin against the real stack: many seeded tests side by side, and nothing left behind."""

from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from atdm.client import AtdmClient
from infra.local_stack import Stack

TABLES = ("plan", "provider", "member", "eligibility", "claim")
SUITE = """
import httpx2
import pytest
from atdm.pytest import atdm_scenario, scenario_fixture

TARGET_URL = {target_url!r}
pending = scenario_fixture("out_of_network_pending_claim", scope="session")

@pytest.fixture(scope="session")
def target():
    with httpx2.Client(base_url=TARGET_URL) as client:
        yield client

def status(target, run):
    return target.get("/claims/" + run["data"]["claim_id"]).json()["status"]

@pytest.mark.parametrize("n", range(150))
@atdm_scenario("claim_denial_active_member")
def test_denied(atdm_data, target, n):
    assert status(target, atdm_data) == "denied"
    assert n % 15, "ten of them fail"

@pytest.mark.parametrize("n", range(40))
@atdm_scenario("active_member_clean", name="clean")
@atdm_scenario("claim_denial_active_member", name="denied")
async def test_two_scenarios(atdm_data, target, pending, n):
    assert [status(target, run) for run in (atdm_data["clean"], atdm_data["denied"])] == ["paid", "denied"]
    assert status(target, pending) == "pending"

@atdm_scenario("active_member_clean", scope="class")
class TestShared:
    @pytest.mark.parametrize("n", range(10))
    def test_shared(self, atdm_data, target, n):
        assert status(target, atdm_data) == "paid"
"""


def rows(stack: Stack) -> dict[str, int]:
    """The rows that each table holds for runs, counted past everything that ATDM says."""
    counts: dict[str, int] = {}
    with psycopg.connect(stack.postgres_dsn) as connection:
        for table in TABLES:
            count = sql.SQL("SELECT count(*) FROM {} WHERE test_run_id IS NOT NULL").format(sql.Identifier(table))
            found = connection.execute(count).fetchone()
            counts[table] = found[0] if found else -1
    return counts


def test_two_hundred_tests_of_four_workers_leave_no_row(
    stack: Stack, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of 200 tests sees its own rows in the target, and when the session ends no run has a row there."""
    monkeypatch.setenv("ATDM_API_URL", stack.api_url)
    monkeypatch.setenv("ATDM_API_TOKEN", stack.api_token)
    _ = pytester.makefile(".ini", pytest="[pytest]\nasyncio_mode = auto\naddopts = -p no:cacheprovider\n")
    _ = pytester.makepyfile(SUITE.format(target_url=stack.target_url))
    before, started = rows(stack), datetime.now(UTC)

    result = pytester.runpytest_subprocess("-n", "4", "-q", timeout=120)

    result.assert_outcomes(passed=190, failed=10)
    assert result.stdout.str().count(f"trail   {stack.api_url}/ui/audit/") == 10
    assert rows(stack) == before
    with AtdmClient(stack.api_url, stack.api_token) as client:
        runs = client.list_runs(since=started, limit=1000)["runs"]
    assert {run["status"] for run in runs} == {"cleaned"}
    asked = Counter(run["scenario_id"] for run in runs)
    assert asked["claim_denial_active_member"] == 190
    # One for each worker at most, of what a session or a class shares.
    assert 1 <= asked["out_of_network_pending_claim"] <= 4
    assert 41 <= asked["active_member_clean"] <= 44


def test_an_interrupted_session_leaves_no_row(
    stack: Stack, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ends in the middle of a test has put the target back."""
    monkeypatch.setenv("ATDM_API_URL", stack.api_url)
    monkeypatch.setenv("ATDM_API_TOKEN", stack.api_token)
    before = rows(stack)
    _ = pytester.makepyfile(
        "from atdm.pytest import atdm_scenario\n"
        "@atdm_scenario('active_member_clean', scope='session', name='kept')\n"
        "@atdm_scenario('active_member_clean', name='own')\n"
        "def test_it(atdm_data):\n    raise KeyboardInterrupt\n"
    )

    assert pytester.runpytest_subprocess(timeout=60).ret == pytest.ExitCode.INTERRUPTED
    assert rows(stack) == before
