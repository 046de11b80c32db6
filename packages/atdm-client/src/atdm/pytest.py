"""The pytest plugin: a scenario is seeded before the test and reset after it.

    from atdm.pytest import atdm_scenario

    @atdm_scenario("claim_denial_active_member", constraints={"provider_network": "out_of_network"})
    def test_denied_claim(atdm_data):
        assert atdm_data["data"]["claim_id"].startswith("claim-")

Every pytest session of an environment loads this module, so the client (and its HTTP stack) is imported on first use.
"""

from collections.abc import Generator, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, cast

import pytest

from atdm.errors import AtdmClientError, AtdmSettingsError, AtdmUnreachable

if TYPE_CHECKING:
    from atdm.client import AtdmClient
    from atdm.contract import ScenarioAnswer, ScenarioOptions

__all__ = ["AtdmResetWarning", "atdm_client", "atdm_data", "atdm_scenario"]

MARKER = "atdm_scenario"
FAILURE_NOTE = pytest.StashKey[str]()
HOW_TO_ASK = """atdm_data has no scenario to seed; name one above the test:

    from atdm.pytest import atdm_scenario

    @atdm_scenario("active_member_clean")
    def {test}(atdm_data): ..."""


class AtdmResetWarning(pytest.PytestWarning):
    """The data of a test could not be reset and may still be in the target."""


def atdm_scenario(
    scenario: str,
    *,
    constraints: Mapping[str, object] | None = None,
    domain: str | None = None,
    seed: int | None = None,
    as_of: date | str | None = None,
    ttl_seconds: int | None = None,
    seed_target: bool = True,
    return_playwright_fixture: bool = False,
    return_pytest_fixture: bool = False,
    return_records: bool = False,
) -> pytest.MarkDecorator:
    """Seed this scenario before each marked test and reset it after; `atdm_data` is the API's answer.

    Arguments mean what they mean in `AtdmClient.request_scenario`. Works on a function, on a class, as `pytestmark`
    and in `pytest.param(marks=…)`; the closest one counts.
    """
    wishes = {
        "constraints": constraints,
        "domain": domain,
        "seed": seed,
        "as_of": as_of,
        "ttl_seconds": ttl_seconds,
        "seed_target": None if seed_target else False,
        "return_playwright_fixture": return_playwright_fixture or None,
        "return_pytest_fixture": return_pytest_fixture or None,
        "return_records": return_records or None,
    }
    return pytest.mark.atdm_scenario(scenario, **{name: wish for name, wish in wishes.items() if wish is not None})


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
def atdm_data(request: pytest.FixtureRequest, atdm_client: "AtdmClient") -> "Iterator[ScenarioAnswer]":
    """The answer of the scenario that the test's `@atdm_scenario` asks for; its rows are gone after the test."""
    node = cast("pytest.Item", request.node)
    scenario, options = _read_mark(node)
    run = _seed(atdm_client, scenario, options)
    node.stash[FAILURE_NOTE] = _failure_note(atdm_client, scenario, options, run)
    yield run
    _reset(node, atdm_client, run)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that --strict-markers lets it pass."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(scenario, *, constraints, seed, …): seed an ATDM scenario before the test, reset it after.",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marked test is seeded even when it does not name the fixture, as a test that finds its data by itself."""
    if isinstance(item, pytest.Function) and "atdm_data" not in item.fixturenames and item.get_closest_marker(MARKER):
        item.fixturenames = ["atdm_data", *item.fixturenames]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what data a failed test ran on, and how to have the same again."""
    report = yield
    if report.failed and (note := item.stash.get(FAILURE_NOTE, None)):
        report.sections.append(("ATDM", note))
    return report


def _read_mark(node: pytest.Item) -> "tuple[str, ScenarioOptions]":
    mark = node.get_closest_marker(MARKER)
    if mark is None:
        pytest.fail(HOW_TO_ASK.format(test=getattr(node, "originalname", node.name)), pytrace=False)
    scenarios = [name for own in node.own_markers if own.name == MARKER for name in cast("tuple[str]", own.args)]
    if len(scenarios) > 1:
        named = ", ".join(scenarios)
        pytest.fail(f"@atdm_scenario takes one scenario per test; this test names {named}", pytrace=False)
    (scenario,) = cast("tuple[str]", mark.args)
    return scenario, cast("ScenarioOptions", mark.kwargs)


def _seed(client: "AtdmClient", scenario: str, options: "ScenarioOptions") -> "ScenarioAnswer":
    try:
        return client.request_scenario(scenario, **options)
    except AtdmUnreachable as error:
        reason = str(error)
    except AtdmClientError as error:
        reason = "\n  ".join([f"ATDM refused scenario {scenario!r} ({error.status}): {error}", *error.untold_details()])
        if error.test_run_id:
            reason += f"\n  trail: {client.audit_url(error.test_run_id)}"
    pytest.fail(reason, pytrace=False)


def _reset(node: pytest.Item, client: "AtdmClient", run: "ScenarioAnswer") -> None:
    run_id, token = run["test_run_id"], run["cleanup"]["cleanup_token"]
    try:
        _ = client.reset_run(run_id, token)
    except AtdmClientError as error:
        again = f"atdm reset {run_id} --token {token}"
        node.warn(AtdmResetWarning(f"the data of run {run_id} was not reset ({error}); repeat it with: {again}"))


def _failure_note(client: "AtdmClient", scenario: str, options: "ScenarioOptions", run: "ScenarioAnswer") -> str:
    again = {**options, "as_of": run["as_of"], "seed": run["seed"]}
    arguments = ", ".join([repr(scenario), *(f"{name}={value!r}" for name, value in again.items())])
    return "\n".join(
        [
            f"run id  {run['test_run_id']}",
            f"seed    {run['seed']}",
            f"trail   {client.audit_url(run['test_run_id'])}",
            f"repeat  @atdm_scenario({arguments})",
        ]
    )
