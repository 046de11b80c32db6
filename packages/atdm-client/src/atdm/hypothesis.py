"""Property tests of a live system: each example is seeded into the target, handed over, and reset.

    from atdm.hypothesis import live
    from atdm_core.strategies import bundles

    @given(live(bundles("healthcare", "claim_denial_active_member", provider_network=...)))
    def test_something(run): ...

It comes with the extra `atdm-client[hypothesis]`. The server makes the bundle of the draws that Hypothesis made it of,
so what stands in the target is what shrinks. Of `requests` only constraints and the number of the seed do.
"""

import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.control import cleanup
from hypothesis.errors import UnsatisfiedAssumption

from atdm.beside import take_back
from atdm.client import AtdmClient
from atdm.contract import ScenarioAnswer
from atdm.errors import AtdmClientError
from atdm.replay import example_of_run, write_example

__all__ = ["Asked", "Drawn", "LiveRun", "live"]

EXAMPLES: Final = Path(".atdm", "examples")
LIFETIME_SECONDS: Final = 900  # of a run whose reset was lost: the server takes it back itself


class Asked(Protocol):
    """A request as `atdm_core.strategies.requests` draws it; anything with these attributes will do."""

    @property
    def scenario(self) -> str: ...  # noqa: D102
    @property
    def domain(self) -> str | None: ...  # noqa: D102
    @property
    def constraints(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def seed(self) -> int | Sequence[int] | None: ...  # noqa: D102
    @property
    def as_of(self) -> Any: ...  # noqa: D102


@runtime_checkable
class Drawn(Protocol):
    """A bundle as `atdm_core.strategies.bundles` draws it, which knows the request for its values."""

    def request(self) -> Asked: ...  # noqa: D102


class LiveRun:
    """Data that stands in the target until the example is over.

    `data` has the keys of the rows and `records` the rows by table, as in the answer to a request.
    """

    def __init__(self, drawn: Asked | Drawn, asked: Asked, answer: ScenarioAnswer) -> None:
        self._drawn = drawn
        self._asked = asked
        self.scenario = asked.scenario
        self.answer = answer
        self.run_id = answer["test_run_id"]
        self.data: Mapping[str, Any] = answer["data"]
        self.records: Mapping[str, list[dict[str, Any]]] = answer.get("records", {})

    def __repr__(self) -> str:
        """The bundle with its rows, or what was asked for, as one would write it."""
        if isinstance(self._drawn, Drawn):
            return f"live {self._drawn!r}"
        said = {**self._asked.constraints, "seed": self.answer["seed"], "as_of": self.answer["as_of"]}
        return f"live({self.scenario!r}, {', '.join(f'{name}={value!r}' for name, value in said.items())})"


def live(
    strategy: st.SearchStrategy[Any], *, client: AtdmClient | None = None, examples: Path = EXAMPLES
) -> st.SearchStrategy[LiveRun]:
    """Runs of what is drawn, a bundle or a request (`Drawn`, `Asked`), in the target for the time of one example.

    What a validator of the server rejects is no example. The last one that fails, which is the smallest, is kept in
    `examples`, by the name of the test, for `atdm replay`. `client`: None is the one that the environment describes.
    """

    @st.composite
    def seeded(draw: st.DrawFn) -> LiveRun:
        drawn: Asked | Drawn = draw(strategy)
        asked = drawn.request() if isinstance(drawn, Drawn) else drawn
        door = client or _client()
        run = LiveRun(drawn, asked, _seed(door, asked))
        cleanup(partial(_take_back, door, run, examples))
        return run

    return seeded()


@lru_cache
def _client() -> AtdmClient:
    return AtdmClient(invoker="agent:hypothesis")


def _seed(client: AtdmClient, asked: Asked) -> ScenarioAnswer:
    try:
        return client.request_scenario(
            asked.scenario,
            domain=asked.domain,
            constraints=asked.constraints,
            seed=asked.seed,
            as_of=asked.as_of,
            ttl_seconds=LIFETIME_SECONDS,
            return_records=True,
        )
    except AtdmClientError as error:
        if error.code == "VALIDATOR_REJECTED":
            reject()
        raise


def _take_back(client: AtdmClient, run: LiveRun, examples: Path) -> None:
    """Reset the run; when its example has just failed, keep it first."""
    failure = sys.exception()  # Hypothesis calls this while the failure is on its way out
    try:
        if isinstance(failure, Exception) and not isinstance(failure, UnsatisfiedAssumption):
            write_example(example_of_run(client, run.run_id, run.answer), examples / f"{_name(run)}.json")
    except AtdmClientError as error:
        warnings.warn(f"the example of run {run.run_id} was not kept ({error})", stacklevel=2)
    finally:
        take_back(partial(_reset, client, run))


def _reset(client: AtdmClient, run: LiveRun) -> str | None:
    try:
        _ = client.reset_run(run.run_id, run.answer["cleanup"]["cleanup_token"])
    except AtdmClientError as error:
        return f"run {run.run_id} was not reset ({error}); the server will when its time is up"
    return None


def _name(run: LiveRun) -> str:
    """Of the test as pytest calls it, else of the scenario; fit for a file."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0].rpartition("::")[2]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test or run.scenario)
