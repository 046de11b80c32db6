"""The pytest plugin beyond one test and one scenario: scopes, names, parameters, options, workers, interruptions."""

import os
import re
import shlex
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

import atdm.pytest
from tests.unit.atdm.fake_api import Exchange, FakeApi, refusal

USE = "import pytest\nfrom atdm.pytest import atdm_scenario, scenario_fixture\n"
QUIET = "-p no:hypothesispytest -p no:cacheprovider"


@pytest.fixture(autouse=True)
def plain_sessions(pytester: pytest.Pytester) -> None:
    """The inner sessions load this plugin and few of the others that happen to be installed."""
    _ = pytester.makefile(".ini", pytest=f"[pytest]\naddopts = -p no:asyncio {QUIET}\n")


def wishes(api: FakeApi) -> list[dict[str, object]]:
    """What was asked for, in order."""
    return [call.body for call in api.exchanges if call.path == "/test-data/requests"]


SHARED = {
    "class": """
@atdm_scenario("a", scope="class")
class TestFirst:
    def test_one(self, atdm_data): seen.append(atdm_data["test_run_id"])
    def test_two(self, atdm_data): seen.append(atdm_data["test_run_id"])

@atdm_scenario("a", scope="class")
class TestSecond:
    def test_one(self, atdm_data): seen.append(atdm_data["test_run_id"])
""",
    "module": """
pytestmark = atdm_scenario("a", scope="module")
def test_one(atdm_data): seen.append(atdm_data["test_run_id"])
class TestFirst:
    def test_two(self, atdm_data): seen.append(atdm_data["test_run_id"])
    @atdm_scenario("a")
    def test_own(self, atdm_data): seen.append(atdm_data["test_run_id"])
""",
}


@pytest.mark.parametrize("scope", ["class", "module"])
def test_tests_share_a_run_where_the_scope_says_so(
    configured_api: FakeApi, pytester: pytest.Pytester, scope: str
) -> None:
    """Two tests of the same class or module see one run; another class, or an own decorator, has another."""
    last = "def test_last(): assert seen[0] == seen[1] != seen[2], seen\n"
    _ = pytester.makepyfile(USE + "seen = []\n" + SHARED[scope] + last)

    pytester.runpytest("-W", "error").assert_outcomes(passed=4)
    assert len(wishes(configured_api)) == 2
    assert set(configured_api.live.values()) == {"cleaned"}


def test_a_session_shares_across_modules(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """One run serves every module that asks for the same in the session, and is reset at its end."""
    body = USE + "@atdm_scenario('a', scope='session')\ndef test_it(atdm_data): ...\n"
    _ = pytester.makepyfile(test_a=body, test_b=body)

    pytester.runpytest("-W", "error").assert_outcomes(passed=2)
    assert list(configured_api.live.values()) == ["cleaned"]


def test_a_shared_run_ends_with_its_scope(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """The run of a class is reset when the class is over, before the next test begins."""
    _ = pytester.makepyfile(
        USE
        + """
@atdm_scenario("a", scope="class")
class TestFirst:
    def test_one(self, atdm_data): ...

@atdm_scenario("b")
def test_after(atdm_data): ...
"""
    )

    pytester.runpytest().assert_outcomes(passed=2)
    assert [call.path.rsplit("/", 1)[-1] for call in configured_api.exchanges] == ["requests", "reset"] * 2


def test_an_unknown_scope_is_told(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A scope that does not exist fails the test with those that do."""
    _ = pytester.makepyfile(USE + "@atdm_scenario('a', scope='planet')\ndef test_it(atdm_data): ...\n")

    pytester.runpytest().stdout.fnmatch_lines(["*no scope 'planet'; there is function, class, module, session"])
    assert configured_api.live == {}


def test_several_scenarios_have_names(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Named scenarios of a test and of its class come together in atdm_data; a failure tells of each."""
    _ = pytester.makepyfile(
        USE
        + """
@atdm_scenario("of_class", name="shared", scope="class")
class TestBoth:
    @atdm_scenario("clean", name="clean")
    @atdm_scenario("denial", name="denied")
    def test_it(self, atdm_data):
        assert set(atdm_data) == {"shared", "clean", "denied"}
        assert len({run["test_run_id"] for run in atdm_data.values()}) == 3
        assert False, "told"
"""
    )

    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    assert "told" in told
    assert Counter(re.findall(r"^run id  (\S+)$", told, re.MULTILINE)) == Counter(list(configured_api.live))
    assert "@atdm_scenario('of_class', as_of='2026-02-28', seed=4711, name='shared', scope='class')" in told
    assert set(configured_api.live.values()) == {"cleaned"}


def test_a_refused_second_scenario_takes_the_first_back(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """When one of several cannot be seeded, those that were are reset."""
    _ = pytester.makepyfile(
        USE
        + "@atdm_scenario('b', name='b', constraints={'member_status': 'blue'})\n@atdm_scenario('a', name='a')\n"
        + "def test_it(atdm_data): ...\n"
    )

    pytester.runpytest().assert_outcomes(errors=1)
    assert list(configured_api.live.values()) == ["cleaned"]


def test_constraints_come_from_parameters(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Parametrising atdm_constraints seeds the scenario once for each, over the constraints of the decorator."""
    _ = pytester.makepyfile(
        USE
        + """
@pytest.mark.parametrize("atdm_constraints", [{"member_status": "active"}, {"member_status": "inactive"}])
@atdm_scenario("a", constraints={"member_status": "active", "other": "x"})
def test_it(atdm_data): ...
"""
    )

    pytester.runpytest().assert_outcomes(passed=2)
    assert [wish["constraints"] for wish in wishes(configured_api)] == [
        {"member_status": "active", "other": "x"},
        {"member_status": "inactive", "other": "x"},
    ]


def test_a_scenario_as_a_fixture(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """scenario_fixture makes a fixture of any scope that others build on; several may serve one test."""
    _ = pytester.makepyfile(
        USE
        + """
clean = scenario_fixture("clean", scope="module", constraints={"member_status": "active"})
denied = scenario_fixture("denied")

@pytest.fixture(scope="module")
def member(clean):
    return clean["data"]["member_id"]

def test_one(member, clean, denied):
    assert member == clean["data"]["member_id"] != denied["data"]["member_id"]

def test_two(member, denied):
    assert False

def test_three(): ...
"""
    )

    result = pytester.runpytest("-W", "error")
    result.assert_outcomes(passed=2, failed=1)
    assert [wish["scenario"] for wish in wishes(configured_api)] == ["clean", "denied", "denied"]
    assert set(configured_api.live.values()) == {"cleaned"}
    told = result.stdout.str()
    assert len(re.findall(r"^run id ", told, re.MULTILINE)) == 2
    assert "repeat  scenario_fixture('clean', constraints={'member_status': 'active'}, as_of=" in told


def test_a_fixture_with_parameters(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Each set of constraints is a run of its own, named in the test's id."""
    _ = pytester.makepyfile(
        USE
        + """
someone = scenario_fixture("a", scope="module", params=[{"member_status": "active"}, {"member_status": "inactive"}])
def test_one(someone): ...
def test_two(someone): ...
"""
    )

    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_one?active?*", "*test_two?inactive?*"])
    assert [wish["constraints"] for wish in wishes(configured_api)] == [
        {"member_status": "active"},
        {"member_status": "inactive"},
    ]
    assert [call.path.rsplit("/", 1)[-1] for call in configured_api.exchanges] == ["requests", "reset"] * 2


KEEP = """
@atdm_scenario("a")
def test_good(atdm_data): ...
@atdm_scenario("a")
def test_bad(atdm_data): assert False
@atdm_scenario("shared", scope="class")
class TestShared:
    def test_bad(self, atdm_data): assert False
    def test_good(self, atdm_data): ...
"""


def test_the_data_of_failed_tests_can_be_kept(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """--atdm-keep leaves the runs of failed tests, shared ones too, tells where to look and how to reset them."""
    _ = pytester.makepyfile(USE + KEEP)

    result = pytester.runpytest("--atdm-keep")
    result.assert_outcomes(passed=2, failed=2)
    assert list(configured_api.live.values()) == ["cleaned", "seeded", "seeded"]
    told = result.stdout.str()
    commands = re.findall(r"^kept    in the target until 2026.*; reset it with: atdm (.*)$", told, re.MULTILINE)
    assert len(commands) == 2
    assert re.search(r"^        member_id m-01FAKE", told, re.MULTILINE)
    for command in commands:
        assert pytester.run(Path(sys.executable).with_name("atdm"), *command.split(), timeout=60).ret == 0
    assert set(configured_api.live.values()) == {"cleaned"}


def test_what_was_reset_is_not_said_to_be_kept(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A teardown that fails after the reset cannot keep the data, and does not say so."""
    _ = pytester.makepyfile(
        USE
        + """
@pytest.fixture
def broken():
    yield
    assert False
@atdm_scenario("a")
def test_it(broken, atdm_data): ...
"""
    )

    result = pytester.runpytest("--atdm-keep")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.no_fnmatch_line("kept *")
    assert list(configured_api.live.values()) == ["cleaned"]


def test_a_failure_can_be_repeated_from_the_command_line(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """The pytest line that a failure prints runs that test alone, on the same values, whatever its decorator says."""
    _ = pytester.makepyfile(
        USE + "@pytest.mark.parametrize('n', ['x y', 'z'])\n@atdm_scenario('a')\ndef test_it(atdm_data, n): assert 0\n"
    )
    line = re.findall(r"^   or   pytest (.*)$", pytester.runpytest().stdout.str(), re.MULTILINE)[0]

    pytester.runpytest(*shlex.split(line)).assert_outcomes(failed=1)
    first, _, again = wishes(configured_api)
    assert again == {**first, "seed": 4711, "as_of": "2026-02-28"}


def test_options_win_over_the_decorator(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """--atdm-seed 0 counts, for markers and fixtures alike."""
    _ = pytester.makepyfile(
        USE
        + "made = scenario_fixture('b', seed=9)\n"
        + "@atdm_scenario('a', seed=9, as_of='2020-01-01')\ndef test_it(atdm_data, made): ...\n"
    )

    pytester.runpytest("--atdm-seed", "0", "--atdm-as-of", "2026-01-02").assert_outcomes(passed=1)
    assert [(wish["seed"], wish["as_of"]) for wish in wishes(configured_api)] == [(0, "2026-01-02")] * 2


def test_workers_of_xdist_do_not_meet(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Under -n 2 every test has its run, a session's run is one per worker, failures are told and all is reset."""
    _ = pytester.makepyfile(
        USE
        + """
@pytest.mark.parametrize("n", range(10))
@atdm_scenario("a")
@pytest.mark.usefixtures("whole")
def test_many(atdm_data, n): assert n != 3

whole = scenario_fixture("whole", scope="session")
"""
    )

    result = pytester.runpytest_subprocess("-n", "2", timeout=120)
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines(["*- ATDM -*", "run id  *", "trail   *"])
    asked = Counter(str(wish["scenario"]) for wish in wishes(configured_api))
    assert asked["a"] == 10
    assert asked["whole"] in (1, 2)
    assert set(configured_api.live.values()) == {"cleaned"}


def test_a_failed_reset_of_a_worker_is_told(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """The warning of a worker reaches the person at the controller, for shared runs as well."""
    configured_api.answers["POST", "/test-data/runs"] = (502, refusal("TARGET_UNREACHABLE", "the target is down"))
    _ = pytester.makepyfile(USE + "@atdm_scenario('a', scope='session')\ndef test_fine(atdm_data): ...\n")

    result = pytester.runpytest_subprocess("-n", "1", timeout=120)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*AtdmResetWarning: the data of run *"])


def test_async_tests(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Coroutines get their data as functions do, with the argument and without."""
    _ = pytester.makefile(".ini", pytest=f"[pytest]\naddopts = {QUIET}\nasyncio_mode = auto\n")
    _ = pytester.makepyfile(
        USE
        + """
shared = scenario_fixture("b", scope="module")

@pytest.fixture
async def member(atdm_data):
    return atdm_data["data"]["member_id"]

@atdm_scenario("a")
async def test_argument(atdm_data, member, shared): assert member == atdm_data["data"]["member_id"]

@atdm_scenario("a")
async def test_alone(): ...
"""
    )

    pytester.runpytest_subprocess(timeout=60).assert_outcomes(passed=2)
    assert list(configured_api.live.values()) == ["cleaned"] * 3


def test_a_lost_answer_leaves_no_run(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """When every answer to a request is lost, its key is asked once more for the token, and the run is reset."""
    configured_api.to_lose = 4
    _ = pytester.makepyfile(USE + "@atdm_scenario('a')\ndef test_never(atdm_data): ...\n")

    result = pytester.runpytest_subprocess(timeout=60)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["UNREACHABLE: no answer from *"])
    assert list(configured_api.live.values()) == ["cleaned"]


def test_a_run_that_may_be_left_is_a_warning(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """When the server stays away, what may be left is told."""
    configured_api.to_lose = 100
    _ = pytester.makepyfile(USE + "@atdm_scenario('a')\ndef test_never(atdm_data): ...\n")

    result = pytester.runpytest_subprocess(timeout=60)
    result.assert_outcomes(errors=1, warnings=1)
    result.stdout.fnmatch_lines(["*AtdmResetWarning: a run of 'a' may be left (UNREACHABLE: *"])


def test_an_interrupt_while_seeding_leaves_no_run(
    configured_api: FakeApi, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    """Ctrl-C after the request was sent and before its answer came takes the run back all the same."""
    pid = tmp_path / "pid"
    answer = configured_api.answer

    def interrupt_the_first(exchange: Exchange) -> tuple[int, object]:
        reply = answer(exchange)
        if len(configured_api.exchanges) == 1:
            os.kill(int(pid.read_text()), signal.SIGINT)
            configured_api.to_lose = 1
        return reply

    configured_api.answer = interrupt_the_first  # type: ignore[method-assign]
    _ = pytester.makeconftest(f"import os, pathlib\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n")
    _ = pytester.makepyfile(USE + "@atdm_scenario('a')\ndef test_never(atdm_data): ...\n")

    result = pytester.runpytest_subprocess(timeout=60)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert list(configured_api.live.values()) == ["cleaned"]


def test_the_examples_of_the_reference_page_work(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Every Python example of docs/reference/pytest.md is a test module that passes as it stands there."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "pytest.md"
    examples = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for number, example in enumerate(examples):
        _ = pytester.makepyfile(**{f"test_example_{number}": example})

    pytester.runpytest("-W", "error").assert_outcomes(passed=9)
    assert set(configured_api.live.values()) == {"cleaned"}


def test_the_reference_page_knows_every_name_and_option(pytester: pytest.Pytester) -> None:
    """Whatever the plugin exports or adds to pytest's command line stands on its page."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "pytest.md").read_text(encoding="utf-8")
    options = re.findall(r"^\s+(--atdm-[a-z-]+)", pytester.runpytest("--help").stdout.str(), re.MULTILINE)

    assert len(options) == 3
    assert [word for word in [*options, *atdm.pytest.__all__] if word not in page] == []
