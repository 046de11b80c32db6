"""Scenarios: YAML files of a pack that say what situation the data must show. They are data, read strictly."""

from collections.abc import Hashable, Mapping
from importlib.resources.abc import Traversable
from typing import Any, cast

import msgspec
import yaml
from msgspec import Struct, field

from atdm_core.errors import ScenarioInvalid
from atdm_core.values import ConstraintValue, Step

__all__ = ["Scenario", "load_scenarios", "parse_scenario"]

LARGEST_FILE = 64 * 1024  # bytes


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request asks for by name: steps in order. `linked_requirement_ids` may be empty, not absent."""

    scenario_id: str
    description: str
    generators: tuple[Step, ...]
    validators: tuple[str, ...]
    linked_requirement_ids: tuple[str, ...]
    tags: tuple[str, ...] = ()
    default_constraints: Mapping[str, ConstraintValue] = field(default_factory=dict[str, ConstraintValue])


def load_scenarios(folder: Traversable) -> tuple[Scenario, ...]:
    """The scenarios of all `*.yaml` files of a folder, by file name. `ScenarioInvalid` names the file and the key."""
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    scenarios: dict[str, Scenario] = {}
    for file in files:
        scenario = parse_scenario(file.read_bytes(), file.name)
        if scenario.scenario_id in scenarios:
            raise ScenarioInvalid(f"{file.name}: scenario_id {scenario.scenario_id!r} exists already", file=file.name)
        scenarios[scenario.scenario_id] = scenario
    return tuple(scenarios.values())


def parse_scenario(text: bytes, file: str) -> Scenario:
    """The scenario that a YAML file says; `ScenarioInvalid`, naming the file and the key, when it says none."""
    if len(text) > LARGEST_FILE:
        raise ScenarioInvalid(f"{file}: larger than {LARGEST_FILE} bytes", file=file)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_StrictLoader)):
            raise ScenarioInvalid(f"{file}: aliases are not allowed; write the value out", file=file)
        content: object = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScenarioInvalid(f"{file}: {error}", file=file) from error
    if isinstance(content, dict):
        written = cast("dict[object, object]", content)
        steps = written.get("generators")
        if isinstance(steps, list):
            content = {**written, "generators": [_step(step, file) for step in cast("list[object]", steps)]}
    try:
        return msgspec.convert(content, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioInvalid(f"{file}: {error}", file=file) from error


def _step(step: object, file: str) -> dict[str, object]:
    """`generate_claim`, or `generate_claim: {claim_status: denied}`."""
    if isinstance(step, str):
        return {"generator": step}
    if isinstance(step, dict) and len(step := cast("dict[object, object]", step)) == 1:
        ((generator, arguments),) = step.items()
        return {"generator": generator, "arguments": arguments or {}}
    raise ScenarioInvalid(
        f"{file}: generators: {step!r} is neither a name nor one name with arguments", file=file, key="generators"
    )


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, which also refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """See `yaml.SafeLoader`."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} cannot be a key", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
