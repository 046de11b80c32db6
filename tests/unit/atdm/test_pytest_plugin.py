"""The pytest plugin, through pytest's own tester: real sessions against a fake API."""

import pytest

from tests.unit.atdm.fake_api import FakeApi, refusal

PLAIN = "[pytest]\naddopts = -p no:asyncio -p no:hypothesispytest -p no:cacheprovider\n"
USE = "from atdm.pytest import atdm_scenario\n"


@pytest.fixture(autouse=True)
def plain_sessions(pytester: pytest.Pytester) -> None:
    """The inner sessions load this plugin and none of the others that happen to be installed."""
    _ = pytester.makefile(".ini", pytest=PLAIN)


def test_data_is_seeded_before_and_reset_after(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A decorated test finds its data in atdm_data, and the run is cleaned when the test is over."""
    _ = pytester.makepyfile(
        USE
        + """
@atdm_scenario("claim_denial_active_member", constraints={"member_status": "active"}, seed=3, return_records=True)
def test_denied_claim(atdm_data):
    assert atdm_data["data"]["claim_id"].startswith("claim-")
    assert atdm_data["seed"] == 3
    assert atdm_data["records"]["member"]
"""
    )

    result = pytester.runpytest("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1)
    assert list(configured_api.live.values()) == ["cleaned"]
    assert configured_api.exchanges[0].body["constraints"] == {"member_status": "active"}


def test_data_of_a_failed_test_is_reset_and_told(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A failure resets all the same, and its report names run, seed, trail and a decorator that repeats it."""
    _ = pytester.makepyfile(
        USE
        + """
@atdm_scenario("active_member_clean", constraints={"member_status": "active"}, seed_target=False)
def test_wrong(atdm_data):
    assert False
"""
    )

    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    (run_id,) = configured_api.live
    assert configured_api.live[run_id] == "cleaned"
    result.stdout.fnmatch_lines(
        [
            "*- ATDM -*",
            f"run id  {run_id}",
            "seed    4711",
            f"trail   {configured_api.url}/ui/audit/{run_id}",
            "repeat  @atdm_scenario('active_member_clean', *",
        ]
    )
    (line,) = [line for line in result.stdout.lines if line.startswith("repeat")]
    assert "constraints={'member_status': 'active'}" in line
    assert "as_of='2026-02-28'" in line
    assert "seed_target=False" in line
    assert "seed=4711" in line


def test_draws_are_repeated_by_the_decorator_alone(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Where the seed of a failed test is a list of draws, the command to repeat it leaves them to the decorator."""
    decorator = "@atdm_scenario('active_member_clean', seed=[3, 0])\n"
    _ = pytester.makepyfile(USE + decorator + "def test_wrong(atdm_data):\n    assert False\n")
    told = pytester.runpytest().stdout
    assert configured_api.live
    told.fnmatch_lines(
        ["seed    [[]3, 0]", "repeat  *seed=[[]3, 0]*", "   or   pytest *::test_wrong --atdm-as-of 2026-02-28"]
    )


def test_the_repeat_line_repeats(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """The decorator that a failure prints, pasted over the old one, asks for the same values again."""
    body = "def test_wrong(atdm_data):\n    assert False\n"
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\n" + body)
    first = pytester.runpytest()
    (line,) = [line for line in first.stdout.lines if line.startswith("repeat")]
    _ = pytester.makepyfile(test_again=USE + line.removeprefix("repeat").strip() + "\n" + body)
    _ = pytester.runpytest("test_again.py")

    first_wish, again = [call.body for call in configured_api.exchanges if call.path == "/test-data/requests"]
    assert again == {**first_wish, "seed": 4711, "as_of": "2026-02-28"}


def test_passing_tests_say_nothing(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A run that passed leaves no section in the output."""
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_fine(atdm_data): ...\n")

    result = pytester.runpytest("-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*run id*")
    assert list(configured_api.live.values()) == ["cleaned"]


def test_an_interrupted_test_is_reset(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Ctrl-C in the middle of a test still puts the target back."""
    _ = pytester.makepyfile(
        USE + "@atdm_scenario('active_member_clean')\ndef test_long(atdm_data):\n    raise KeyboardInterrupt\n"
    )

    result = pytester.runpytest_subprocess(timeout=60)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert list(configured_api.live.values()) == ["cleaned"]


def test_a_failed_reset_is_a_visible_warning(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A reset that the API refuses leaves the test passed and a warning with run, reason and command to repeat it."""
    configured_api.answers["POST", "/test-data/runs"] = (
        502,
        refusal("TARGET_UNREACHABLE", "the target is down"),
    )
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_fine(atdm_data): ...\n")

    result = pytester.runpytest()
    result.assert_outcomes(passed=1, warnings=1)
    (run_id,) = configured_api.live
    result.stdout.fnmatch_lines(
        [f"*AtdmResetWarning: the data of run {run_id} was not reset*the target is down*atdm reset {run_id} --token *"]
    )


def test_a_failed_reset_after_an_interrupt_is_not_silent(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Even when the session is being torn down after Ctrl-C, a failed reset is told."""
    configured_api.answers["POST", "/test-data/runs"] = (
        502,
        refusal("TARGET_UNREACHABLE", "the target is down"),
    )
    _ = pytester.makepyfile(
        USE + "@atdm_scenario('active_member_clean')\ndef test_long(atdm_data):\n    raise KeyboardInterrupt\n"
    )

    result = pytester.runpytest_subprocess(timeout=60)
    result.stdout.fnmatch_lines(["*AtdmResetWarning: the data of run *"])


def test_a_failed_reset_can_be_made_an_error(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """The warning has a category of its own, which -W can turn into an error."""
    configured_api.answers["POST", "/test-data/runs"] = (404, refusal("RUN_NOT_FOUND", "no such run"))
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_fine(atdm_data): ...\n")

    pytester.runpytest("-W", "error::atdm.pytest.AtdmResetWarning").assert_outcomes(passed=1, errors=1)


def test_an_unreachable_server_is_one_line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing listens the test does not run, and its report is the one line that says so."""
    monkeypatch.setenv("ATDM_API_URL", "http://127.0.0.1:1")
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_never(atdm_data): ...\n")

    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["UNREACHABLE: cannot reach ATDM at http://127.0.0.1:1 (from ATDM_API_URL)*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert len(result.stdout.lines) < 20


def test_a_refusal_says_what_is_allowed(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A refused request fails the test with code, message and the details, without a traceback."""
    _ = pytester.makepyfile(
        USE
        + "@atdm_scenario('active_member_clean', constraints={'member_status': 'blue'})\n"
        + "def test_never(atdm_data): ...\n"
    )

    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "ATDM refused scenario 'active_member_clean' (422): INVALID_CONSTRAINT: member_status cannot be 'blue'",
            "  allowed: active, inactive",
        ]
    )
    assert configured_api.live == {}


def test_a_rejected_run_shows_its_trail(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Where the refusal belongs to a run, the failure gives the address of its trail."""
    error = {"code": "VALIDATOR_REJECTED", "message": "no", "test_run_id": "01RUN"}
    configured_api.answers["POST", "/test-data/requests"] = (422, {"error": error})
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_never(atdm_data): ...\n")

    pytester.runpytest().stdout.fnmatch_lines([f"  trail: {configured_api.url}/ui/audit/01RUN"])


def test_bad_settings_are_one_line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is none fails the test with the name of the setting."""
    monkeypatch.setenv("ATDM_API_URL", "nonsense")
    _ = pytester.makepyfile(USE + "@atdm_scenario('active_member_clean')\ndef test_never(atdm_data): ...\n")

    pytester.runpytest().stdout.fnmatch_lines(["INVALID_SETTINGS: ATDM_API_URL is 'nonsense'*"])


def test_the_fixture_without_the_decorator_shows_how(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """atdm_data alone fails with lines that can be pasted above the test."""
    _ = pytester.makepyfile("import pytest\n@pytest.mark.parametrize('n', [1])\ndef test_mine(atdm_data, n): ...\n")

    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*from atdm.pytest import atdm_scenario", '*@atdm_scenario("*")', "*def test_mine(atdm_data)*"]
    )
    assert configured_api.exchanges == []


@pytest.mark.parametrize("names", [("", ""), ("name='one'", "name='one'"), ("name='one'", "")])
def test_scenarios_of_one_test_that_cannot_be_told_apart(
    configured_api: FakeApi, pytester: pytest.Pytester, names: tuple[str, str]
) -> None:
    """A second decorator is never silently dropped: each needs a name, and the failure shows how to give it."""
    first, second = names
    _ = pytester.makepyfile(
        USE + f"@atdm_scenario('a', {first})\n@atdm_scenario('b', {second})\ndef test_two(atdm_data): ...\n"
    )

    pytester.runpytest().stdout.fnmatch_lines(
        ["two scenarios of one test need a name each; this test names b, a:", "*def test_two(atdm_data):"]
    )
    assert configured_api.live == {}


def test_the_decorator_alone_seeds(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A decorated test that finds its data by itself needs no argument; its undecorated neighbours stay untouched."""
    _ = pytester.makepyfile(
        USE
        + """
import pytest

@atdm_scenario("a")
def test_plain(): ...

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=atdm_scenario("b"))])
def test_some(n): ...

def test_other(): ...
"""
    )

    pytester.runpytest().assert_outcomes(passed=4)
    assert [call.body.get("scenario") for call in configured_api.exchanges if "scenario" in call.body] == [
        "a",
        "b",
    ]


def test_the_closest_decorator_counts(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """A class gives its scenario to its tests, and a test may have its own instead; each gets a fresh run."""
    _ = pytester.makepyfile(
        USE
        + """
@atdm_scenario("of_class")
class TestMembers:
    def test_one(self, atdm_data): ...

    @atdm_scenario("own")
    def test_two(self, atdm_data): ...
"""
    )

    pytester.runpytest().assert_outcomes(passed=2)
    assert [call.body["scenario"] for call in configured_api.exchanges if "scenario" in call.body] == [
        "of_class",
        "own",
    ]
    assert list(configured_api.live.values()) == ["cleaned", "cleaned"]


def test_one_client_serves_the_session(configured_api: FakeApi, pytester: pytest.Pytester) -> None:
    """Fifty seeded tests travel over one connection."""
    _ = pytester.makepyfile(
        USE
        + """
import pytest

@pytest.mark.parametrize("n", range(50))
@atdm_scenario("active_member_clean")
def test_many(atdm_data, n): ...
"""
    )

    pytester.runpytest().assert_outcomes(passed=50)
    assert (configured_api.runs, configured_api.connections) == (50, 1)


def test_the_plugin_costs_nothing_unused(pytester: pytest.Pytester) -> None:
    """A session without scenarios loads no HTTP client, and the marker is listed."""
    _ = pytester.makepyfile(
        "import sys\ndef test_lean():\n    assert 'atdm.pytest' in sys.modules\n"
        "    assert 'httpx2' not in sys.modules\n"
    )

    pytester.runpytest_subprocess(timeout=60).assert_outcomes(passed=1)
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.atdm_scenario(scenario*"])
