"""Examples: what is needed to make the data of a run again, as a file; and the check that it still means the same."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, cast

from atdm.contract import Row, ScenarioAnswer
from atdm.errors import AtdmClientError, AtdmExampleStale, AtdmSettingsError

if TYPE_CHECKING:
    from atdm.client import AtdmClient

__all__ = ["Example", "example_of_run", "read_example", "replay", "write_example"]

_NEEDED: Final = {"scenario", "domain", "constraints", "seed", "as_of", "pack_version", "values_sha256"}

_OUTGROWN: Final = {
    "DOMAIN_NOT_FOUND",
    "SCENARIO_NOT_FOUND",
    "UNKNOWN_CONSTRAINT",
    "INVALID_CONSTRAINT",
    "INVALID_DRAWS",
    "VALIDATOR_REJECTED",
}
"""What a server says whose pack is not the one that the example was made with."""


class Example(TypedDict):
    """What values are a function of. `seed` may be a list of draws.

    `values_sha256`: the digest (hex) of the rows without the run's id, if known.
    """

    scenario: str
    domain: str
    constraints: Mapping[str, object]
    seed: int | list[int]
    as_of: str
    pack_version: str
    values_sha256: str | None


def example_of_run(client: "AtdmClient", run_id: str, answer: ScenarioAnswer | None = None) -> Example:
    """The example that a run was made of, from its trail. An `answer` with records adds the digest of its values."""
    plan = client.get_audit(run_id)["plan"]
    if not isinstance(plan, dict):
        raise AtdmExampleStale(f"the trail of {run_id} has no plan, so it cannot be made again")
    told = cast("dict[str, object]", plan)
    records = None if answer is None else answer.get("records")
    return Example(
        scenario=str(told["scenario_id"]),
        domain=str(told["domain"]),
        constraints=cast("Mapping[str, object]", told["constraints"]),
        seed=cast("int | list[int]", told["seed"]),
        as_of=str(told["as_of"]),
        pack_version=str(told["pack_version"]),
        values_sha256=None if records is None else _digest(records, run_id),
    )


def write_example(example: Example, path: Path) -> None:
    """Keep an example; `read_example` reads it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(example, indent=2) + "\n", encoding="utf-8")


def read_example(path: Path) -> Example:
    """The example that a file holds; `AtdmSettingsError` when it holds none."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AtdmSettingsError(f"{path} cannot be read as an example: {error}") from error
    if not isinstance(content, dict) or not cast("dict[str, object]", content).keys() >= _NEEDED:
        raise AtdmSettingsError(f"{path} is no example: it must be a JSON object with {', '.join(sorted(_NEEDED))}")
    return cast("Example", cast("object", content))


def replay(client: "AtdmClient", example: Example) -> ScenarioAnswer:
    """Seed the data of an example again; `AtdmExampleStale`, with nothing written, when it would be other data."""
    try:
        dry = _request(client, example, seed_target=False)
    except AtdmClientError as error:
        if error.code not in _OUTGROWN:
            raise
        raise AtdmExampleStale(
            f"the example was made by {example['domain']} {example['pack_version']}, and is none to the server any "
            f"more: {error.message}; install that version there, or find the example again"
        ) from error
    now = example_of_run(client, dry["test_run_id"], dry)
    _ = client.reset_run(dry["test_run_id"], dry["cleanup"]["cleanup_token"])
    if now["pack_version"] != example["pack_version"]:
        raise AtdmExampleStale(
            f"the example was made by {example['domain']} {example['pack_version']}, "
            f"and the server has {now['pack_version']}: install that version, or find the example again"
        )
    if example["values_sha256"] not in (None, now["values_sha256"]):
        raise AtdmExampleStale(
            f"{example['domain']} {now['pack_version']} makes other values of this seed than when the example was "
            "made: its generators or tables changed without a new version; find the example again"
        )
    return _request(client, example, seed_target=True)


def _request(client: "AtdmClient", example: Example, *, seed_target: bool) -> ScenarioAnswer:
    return client.request_scenario(
        example["scenario"],
        domain=example["domain"],
        constraints=example["constraints"],
        seed=example["seed"],
        as_of=example["as_of"],
        seed_target=seed_target,
        return_records=not seed_target,
    )


def _digest(records: Mapping[str, list[Row]], run_id: str) -> str:
    text = json.dumps(records, sort_keys=True).replace(run_id, "RUN")
    return hashlib.sha256(text.encode()).hexdigest()
