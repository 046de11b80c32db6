"""The pytest plugin: a scenario is seeded before the test and reset after it.

    from atdm.pytest import atdm_scenario

    @atdm_scenario("claim_denial_active_member", constraints={"provider_network": "out_of_network"})
    def test_denied_claim(atdm_data):
        assert atdm_data["data"]["claim_id"].startswith("claim-")

Data that several fixtures or many tests share is a fixture of its own:

    denied = scenario_fixture("claim_denial_active_member", scope="module")

Every pytest session of an environment loads this module, so the client (and its HTTP stack) is imported on first use.
"""

import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack, cast, get_args

import pytest

from atdm.beside import resets_beside_requests
from atdm.errors import AtdmSettingsError
from atdm.seeded import AtdmResetWarning, Scope, Wish, runs_of, seed

if TYPE_CHECKING:
    from atdm.client import AtdmClient
    from atdm.contract import ScenarioAnswer, ScenarioOptions

__all__ = ["AtdmResetWarning", "atdm_client", "atdm_constraints", "atdm_data", "atdm_scenario", "scenario_fixture"]

MARKER = "atdm_scenario"
HOW_TO_ASK = """atdm_data has no scenario to seed; name one above the test:

    from atdm.pytest import atdm_scenario

    @atdm_scenario("active_member_clean")
    def {test}(atdm_data): ..."""
HOW_TO_NAME = """two scenarios of one test need a name each; this test names {scenarios}:

    @atdm_scenario("active_member_clean", name="clean")
    @atdm_scenario("claim_denial_active_member", name="denied")
    def {test}(atdm_data):
        atdm_data["clean"], atdm_data["denied"]"""


def atdm_scenario(
    scenario: str, *, name: str | None = None, scope: Scope = "function", **options: "Unpack[ScenarioOptions]"
) -> pytest.MarkDecorator:
    """Seed this scenario before each marked test and reset it after; `atdm_data` is the API's answer.

    Options are those of `AtdmClient.request_scenario`. Works on a function, on a class, as `pytestmark` and in
    `pytest.param(marks=…)`; the closest one counts. Tests of one class, module or session (of one worker under
    pytest-xdist) share the run where `scope` says so. With a `name`, a test can have several scenarios, and
    `atdm_data[name]` is the answer of each.
    """
    extras = {**({"name": name} if name else {}), **({} if scope == "function" else {"scope": scope})}
    return pytest.mark.atdm_scenario(scenario, **options, **extras)


def scenario_fixture(
    scenario: str,
    *,
    scope: Scope = "function",
    params: Sequence[Mapping[str, object]] | None = None,
    **options: "Unpack[ScenarioOptions]",
) -> "Callable[..., ScenarioAnswer]":
    """A fixture that is the API's answer to this scenario, seeded at its first use and reset at the end of `scope`.

    Assign it to a name in a test module or conftest.py; other fixtures of the same or a narrower scope can build on
    it. Each mapping in `params` is a set of constraints, over those in `options`: its tests run once for each.
    """

    def seeded(request: pytest.FixtureRequest, atdm_client: "AtdmClient") -> "ScenarioAnswer":
        wish = Wish("scenario_fixture", scenario, options, {} if scope == "function" else {"scope": scope})
        owner = cast("pytest.Item | pytest.Collector", request.node)
        constraints = cast("Mapping[str, object]", getattr(request, "param", {}))
        wish = wish.settled(request.config, constraints)
        run = seed(owner, atdm_client, wish, f"{request.fixturename} {constraints}", request.addfinalizer)
        run.fixture = request.fixturename
        return run.answer

    return pytest.fixture(seeded, scope=scope, params=params, ids=_constraints_id if params else None)


@pytest.fixture(scope="session")
def atdm_client() -> "Iterator[AtdmClient]":
    """One AtdmClient for the whole session, set up from the environment or the local stack."""
    from atdm.client import AtdmClient

    try:
        client = AtdmClient()
    except AtdmSettingsError as error:
        pytest.fail(str(error), pytrace=False)
    with client:
        yield client


@pytest.fixture
def atdm_constraints() -> Mapping[str, object]:
    """Constraints over those of the decorator: parametrise this name, or define the fixture anew in a module."""
    return {}


@pytest.fixture
def atdm_data(
    request: pytest.FixtureRequest, atdm_client: "AtdmClient", atdm_constraints: Mapping[str, object]
) -> "ScenarioAnswer | dict[str, ScenarioAnswer]":
    """The answer of the test's `@atdm_scenario`, or those of several by name; their rows are gone after the test."""
    item = cast("pytest.Item", request.node)
    answers: dict[str, ScenarioAnswer] = {}
    for name, wish in _read_wishes(item).items():
        owner = _owner(item, cast("Scope", wish.extras.get("scope", "function")))
        settled = wish.settled(item.config, atdm_constraints)
        run = seed(owner, atdm_client, settled, repr(settled), owner.addfinalizer)
        run.tests.add(item.nodeid)
        answers[name] = run.answer
    return answers.get("", answers)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command line options."""
    group = parser.getgroup("atdm", "test data from ATDM")
    group.addoption(
        "--atdm-keep", action="store_true", help="leave the data of failed tests in the target, and tell how to reset"
    )
    group.addoption("--atdm-seed", type=int, metavar="N", help="draw the values of an earlier run again")
    group.addoption("--atdm-as-of", metavar="DATE", help="the day that every date is relative to, as YYYY-MM-DD")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers lets it pass."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(scenario, *, name, scope, constraints, seed, …): "
        "seed an ATDM scenario before the test, reset it after.",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marked test is seeded even when it does not name the fixture, as a test that finds its data by itself."""
    if isinstance(item, pytest.Function) and "atdm_data" not in item.fixturenames and item.get_closest_marker(MARKER):
        item.fixturenames = ["atdm_data", *item.fixturenames]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """The data of one example of a property test is reset while the next is asked for; none outlives the test."""
    if not isinstance(item, pytest.Function) or "atdm.hypothesis" not in sys.modules:
        return (yield)
    with resets_beside_requests(item.obj):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what data a failed test ran on, and how to have the same again."""
    report = yield
    if report.failed:
        for run in runs_of(item):
            run.failed = run.failed or not run.over  # what is reset already cannot be kept any more
            report.sections.append(("ATDM", run.note(item)))
    return report


def _read_wishes(item: pytest.Item) -> dict[str, Wish]:
    """What the marks of a test ask for, by name; "" where one scenario needs none."""
    found: dict[str, tuple[object, Wish]] = {}
    test = getattr(item, "originalname", item.name)
    scenarios: list[str] = []
    for node, mark in item.iter_markers_with_node(MARKER):
        name, wish = _read_mark(mark)
        scenarios.append(wish.scenario)
        if name in found and found[name][0] is node:
            pytest.fail(HOW_TO_NAME.format(test=test, scenarios=", ".join(scenarios)), pytrace=False)
        _ = found.setdefault(name, (node, wish))
    if not found:
        pytest.fail(HOW_TO_ASK.format(test=test), pytrace=False)
    if "" in found and len(found) > 1:
        pytest.fail(HOW_TO_NAME.format(test=test, scenarios=", ".join(scenarios)), pytrace=False)
    return {name: wish for name, (_, wish) in found.items()}


def _read_mark(mark: pytest.Mark) -> tuple[str, Wish]:
    (scenario,) = cast("tuple[str]", mark.args)
    extras = {name: value for name, value in mark.kwargs.items() if name in ("name", "scope")}
    if extras.get("scope", "function") not in get_args(Scope):
        scopes = ", ".join(get_args(Scope))
        pytest.fail(f"@atdm_scenario has no scope {extras['scope']!r}; there is {scopes}", pytrace=False)
    options = {name: value for name, value in mark.kwargs.items() if name not in extras}
    return str(extras.get("name", "")), Wish("@atdm_scenario", scenario, cast("ScenarioOptions", options), extras)


def _owner(item: pytest.Item, scope: Scope) -> pytest.Item | pytest.Collector:
    """The node whose end is the end of the scope; outside any class, that of class scope is the test, as in pytest."""
    owners: dict[Scope, Callable[[], pytest.Item | pytest.Collector | None]] = {
        "function": lambda: item,
        "class": lambda: item.getparent(pytest.Class),
        "module": lambda: item.getparent(pytest.Module),
        "session": lambda: item.session,
    }
    return owners[scope]() or item


def _constraints_id(constraints: Mapping[str, object]) -> str:
    return "-".join(str(value) for value in constraints.values())
