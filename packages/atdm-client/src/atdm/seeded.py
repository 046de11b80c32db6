"""The data of tests: what a test wishes for, the run that serves it, and how it is taken back.

`pytest` (the plugin beside this module) decides when; a run knows whom it serves, so that a failure can name it.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast
from uuid import uuid4

import pytest

from atdm.errors import AtdmClientError, AtdmUnreachable

if TYPE_CHECKING:
    from atdm.client import AtdmClient
    from atdm.contract import ScenarioAnswer, ScenarioOptions

__all__ = ["AtdmResetWarning", "Scope", "SeededRun", "Wish", "runs_of", "seed"]

Scope = Literal["function", "class", "module", "session"]

# After an interruption the answer is asked for once more. Someone is waiting for the session to end.
TAKE_BACK_SECONDS = 10.0


class AtdmResetWarning(pytest.PytestWarning):
    """The data of a test could not be reset and may still be in the target."""


@dataclass(frozen=True)
class Wish:
    """One scenario with its options, as a test wrote it down.

    `spelling` is the callable that the test used, and `extras` are arguments to it that do not concern the server:
    a failure shows both, so that what it prints can be pasted over what stands there.
    """

    spelling: str
    scenario: str
    options: "ScenarioOptions"
    extras: Mapping[str, object]

    def settled(self, config: pytest.Config, constraints: Mapping[str, object]) -> "Wish":
        """The wish with the constraints of a parameter, and with what the command line says of values."""
        settled = self.options.copy()
        if constraints:
            settled["constraints"] = {**(settled.get("constraints") or {}), **constraints}
        if (number := cast("int | None", config.getoption("atdm_seed"))) is not None:
            settled["seed"] = number
        if day := cast("str | None", config.getoption("atdm_as_of")):
            settled["as_of"] = day
        return replace(self, options=settled)

    def repeated(self, answer: "ScenarioAnswer") -> str:
        """The line that, written into the test, makes the values of `answer` again."""
        options = {**self.options, "as_of": answer["as_of"], "seed": answer["seed"], **self.extras}
        arguments = ", ".join([repr(self.scenario), *(f"{name}={value!r}" for name, value in options.items())])
        return f"{self.spelling}({arguments})"


@dataclass
class SeededRun:
    """Data in the target, from its seed to its reset.

    `owner` is the node within which it is shared. It serves the tests in `tests` (node ids), and those that use
    `fixture`. Once a test that it serves has `failed`, --atdm-keep leaves it in the target.
    """

    wish: Wish
    answer: "ScenarioAnswer"
    client: "AtdmClient"
    owner: pytest.Item | pytest.Collector
    fixture: str | None = None
    tests: set[str] = field(default_factory=set[str])
    failed: bool = False
    over: bool = False

    def serves(self, item: pytest.Item) -> bool:
        """Whether this test runs on this data."""
        names = cast("list[str]", getattr(item, "fixturenames", []))
        return item.nodeid in self.tests or (self.fixture is not None and self.fixture in names)

    def finish(self) -> None:
        """Reset the run, or leave it where it is wanted; a reset that fails is a warning."""
        self.over = True
        if self.kept:
            return
        run_id, token = self.answer["test_run_id"], self.answer["cleanup"]["cleanup_token"]
        try:
            _ = self.client.reset_run(run_id, token)
        except AtdmClientError as error:
            message = f"the data of run {run_id} was not reset ({error}); repeat it with: {self._reset_command()}"
            self.owner.warn(AtdmResetWarning(message))

    @property
    def kept(self) -> bool:
        """Whether the data stays in the target."""
        return self.failed and bool(self.owner.config.getoption("atdm_keep"))

    def note(self, item: pytest.Item) -> str:
        """What a person needs to know of this run when the test failed."""
        answer, trail = self.answer, self.client.audit_url(self.answer["test_run_id"])
        seed = ["--atdm-seed", str(answer["seed"])] if isinstance(answer["seed"], int) else []  # draws: the test's own
        words = ["pytest", item.nodeid, *seed, "--atdm-as-of", answer["as_of"]]
        lines = [
            f"run id  {answer['test_run_id']}",
            f"seed    {answer['seed']}",
            f"trail   {trail}",
            f"repeat  {self.wish.repeated(answer)}",
            f"   or   {shlex.join(words)}",
        ]
        if self.kept:
            expires = answer["cleanup"]["expires_at"]
            until = f" until {expires}" if expires else ""
            lines += [f"kept    in the target{until}; reset it with: {self._reset_command()}"]
            lines += [f"        {name} {key}" for name, key in answer["data"].items()]
        return "\n".join(lines)

    def _reset_command(self) -> str:
        return f"atdm reset {self.answer['test_run_id']} --token {self.answer['cleanup']['cleanup_token']}"


RUNS = pytest.StashKey[dict[str, SeededRun]]()


def seed(
    owner: pytest.Item | pytest.Collector,
    client: "AtdmClient",
    wish: Wish,
    key: str,
    at_end: Callable[[Callable[[], None]], None],
) -> SeededRun:
    """The run that serves a wish within `owner`, asked for once under `key`; `at_end` is told how to take it back."""
    runs = owner.stash.setdefault(RUNS, {})
    if key not in runs or runs[key].over:
        runs[key] = SeededRun(wish, _ask(owner, client, wish), client, owner)
        at_end(runs[key].finish)
    return runs[key]


def runs_of(item: pytest.Item) -> Iterator[SeededRun]:
    """Every run that this test works on, of its own or shared."""
    for node in item.listchain():
        if runs := node.stash.get(RUNS, None):
            yield from (run for run in runs.values() if run.serves(item))


def _ask(owner: pytest.Item | pytest.Collector, client: "AtdmClient", wish: Wish) -> "ScenarioAnswer":
    key = uuid4().hex
    try:
        return client.request_scenario(wish.scenario, **wish.options, idempotency_key=key)
    except AtdmClientError as error:
        if error.unsure:
            _take_back(owner, client, wish, key)
        raise pytest.fail.Exception(_why(client, wish, error), pytrace=False) from None
    except BaseException:  # Ctrl-C, or a time limit: the server may be seeding at this moment
        _take_back(owner, client, wish, key)
        raise


def _take_back(owner: pytest.Item | pytest.Collector, client: "AtdmClient", wish: Wish, key: str) -> None:
    """Undo a request whose answer was lost: asked again under its key, the server tells the token."""
    hurried = client.with_timeout(TAKE_BACK_SECONDS)
    try:
        answer = hurried.request_scenario(wish.scenario, **wish.options, idempotency_key=key)
    except AtdmClientError as error:
        # Any other refusal is final: the run was rejected, rolled back, or never opened.
        if error.unsure or isinstance(error, AtdmUnreachable) or error.code == "REQUEST_IN_PROGRESS":
            owner.warn(AtdmResetWarning(f"a run of {wish.scenario!r} may be left ({error}); `atdm runs` lists it"))
    else:
        SeededRun(wish, answer, hurried, owner).finish()


def _why(client: "AtdmClient", wish: Wish, error: AtdmClientError) -> str:
    if isinstance(error, AtdmUnreachable):
        return str(error)
    refused = f"ATDM refused scenario {wish.scenario!r} ({error.status}): {error}"
    trail = [f"trail: {client.audit_url(error.test_run_id)}"] if error.test_run_id else []
    return "\n  ".join([refused, *error.untold_details(), *trail])
