"""Scenarios: YAML files of a pack that say what situation the data must show. They are data, read strictly."""

import math
from collections.abc import Hashable, Mapping
from importlib.resources.abc import Traversable
from typing import Any, Final, cast

import msgspec
import yaml
from msgspec import Struct, field
from yaml.constructor import ConstructorError
from yaml.scanner import ScannerError

from atdm_core.errors import ScenarioInvalid
from atdm_core.values import ConstraintValue, Step

__all__ = ["Scenario", "load_scenarios", "parse_scenario"]

LARGEST_FILE: Final = 64 * 1024  # bytes
DEEPEST: Final = 32  # mappings and lists inside one another
_LONGEST_NUMBER: Final = 64  # characters
_LARGEST_INTEGER: Final = 2**63 - 1


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
    """The scenario that a YAML file says; `ScenarioInvalid`, naming the file and the key, when it says none.

    Taken is what JSON could say too: no aliases, tags or merge keys, nothing nested deeper than 32, finite numbers.
    """
    if len(text) > LARGEST_FILE:
        raise ScenarioInvalid(f"{file}: larger than {LARGEST_FILE} bytes", file=file)
    try:
        content: object = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, ValueError, OverflowError) as error:
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
    """YAML's safe loader without what makes YAML dangerous, or mean something else than it seems to.

    It refuses where characters become tokens. A look at the tokens afterwards would come too late: the time that they
    take is quadratic in the depth of brackets.
    """

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 - PyYAML's
        """A `[` or `{`."""
        super().fetch_flow_collection_start(TokenClass)
        self._check_depth()

    def add_indent(self, column: int) -> bool:
        """A key or an entry, which begins a block when it stands further to the right than the last."""
        deeper = super().add_indent(column)
        self._check_depth()
        return deeper

    def fetch_anchor(self) -> None:
        """A `&name`."""
        raise self._refusal("anchors and aliases are not allowed; write the value out")

    fetch_alias = fetch_anchor

    def fetch_tag(self) -> None:
        """A `!tag`."""
        raise self._refusal("tags are not allowed; write the value without one")

    def fetch_directive(self) -> None:
        """A line that begins with `%`."""
        raise self._refusal("directives are not allowed")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """See `yaml.SafeLoader`. A key that stands twice is refused, and so is `<<`, which would hide one."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _no_value("merge keys are not allowed; write the keys out", key_node)
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _no_value(f"{key!r} cannot be a key", key_node)
            if key in seen:
                raise _no_value(f"the key {key!r} stands twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """A text. Escapes can make what no UTF-8 holds, and what no database takes."""
        text = self.construct_scalar(node)
        text.encode()
        if "\0" in text:
            raise _no_value("a text with the character NUL is not allowed", node)
        return text

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """An integer of 64 bits."""
        number = self.construct_yaml_int(node) if self._is_short(node) else math.inf
        if abs(number) > _LARGEST_INTEGER:
            raise _no_value("the integer is too large", node)
        return int(number)

    def construct_float(self, node: yaml.ScalarNode) -> float:
        """A number that is one."""
        number = self.construct_yaml_float(node) if self._is_short(node) else math.inf
        if not math.isfinite(number):
            raise _no_value("the number is too large, or none", node)
        return number

    def _is_short(self, node: yaml.ScalarNode) -> bool:
        # A number in base 60 takes quadratic time, and others of endless length cannot even be shown.
        return len(self.construct_scalar(node)) <= _LONGEST_NUMBER

    def _check_depth(self) -> None:
        if self.flow_level + len(self.indents) > DEEPEST:
            raise self._refusal(f"nested deeper than {DEEPEST}")

    def _refusal(self, message: str) -> ScannerError:
        return ScannerError(None, None, message, self.get_mark())


_StrictLoader.add_constructor("tag:yaml.org,2002:str", _StrictLoader.construct_text)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_integer)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_float)


def _no_value(message: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, message, node.start_mark)
