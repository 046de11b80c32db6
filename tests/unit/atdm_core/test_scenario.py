"""Scenario files, read strictly."""

import time
from pathlib import Path

import pytest

from atdm_core import Step, load_scenarios
from atdm_core.errors import ScenarioInvalid
from atdm_core.scenario import DEEPEST, LARGEST_FILE, parse_scenario

BOUND = 10.0  # seconds of this process: a machine may be slow, a quadratic reader takes minutes

WHOLE = """\
scenario_id: two_orders
description: A customer with two orders.
tags: [order]
default_constraints: {tier: gold, gift: true, note: null}
generators:
  - generate_customer
  - generate_order: {order_status: paid}
  - generate_order:
validators: [relational.order_has_its_customer]
linked_requirement_ids: []
"""


def refusal_of(text: str | bytes) -> str:
    """What is said of a file that says no scenario."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ScenarioInvalid) as refusal:
        parse_scenario(data, "shop.yaml")
    assert refusal.value.details["file"] == "shop.yaml"
    assert refusal.value.message.startswith("shop.yaml: ")
    return refusal.value.message


def test_whole_file() -> None:
    """Every key is read; a step is a name, or a name with arguments."""
    scenario = parse_scenario(WHOLE.encode(), "shop.yaml")
    assert scenario.scenario_id == "two_orders"
    assert scenario.tags == ("order",)
    assert scenario.default_constraints == {"tier": "gold", "gift": True, "note": None}
    assert scenario.generators == (
        Step("generate_customer"),
        Step("generate_order", {"order_status": "paid"}),
        Step("generate_order"),
    )
    assert scenario.linked_requirement_ids == ()


def test_tags_and_constraints_may_be_absent() -> None:
    """The keys that have a default need not be written."""
    short = "\n".join(line for line in WHOLE.splitlines() if not line.startswith(("tags", "default")))
    assert parse_scenario(short.encode(), "shop.yaml").default_constraints == {}


@pytest.mark.parametrize("key", ["scenario_id", "description", "generators", "validators", "linked_requirement_ids"])
def test_missing_key_is_named(key: str) -> None:
    """A file without a mandatory key is refused by the key's name."""
    lines = WHOLE.splitlines()
    kept = [line for line in lines if not line.startswith(key) and not (key == "generators" and line.startswith("  "))]
    assert f"`{key}`" in refusal_of("\n".join(kept))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("colour: red\n", "unknown field `colour`"),
        ("description: Again.\n", "the key 'description' stands twice"),
        ("more: {a: 1, a: 2}\n", "the key 'a' stands twice"),
        ("? [a, b]\n: 1\n", "cannot be a key"),
        ("more: &x {a: 1}\nother: *x\n", "aliases are not allowed; write the value out"),
        ("more: &x {a: 1}\n", "anchors and aliases are not allowed"),
        ("---\nscenario_id: other\n", "expected a single document"),
        ("...\n%YAML 1.1\n---\nscenario_id: other\n", "directives are not allowed"),
        ("more: !!python/object:os.system {}\n", "tags are not allowed; write the value without one"),
        ("more: !!int two\n", "tags are not allowed"),
        ("more: {<<: {a: 1}, a: 2}\n", "merge keys are not allowed; write the keys out"),
        ("more: [\n", "while parsing"),
    ],
)
def test_what_does_not_belong_is_refused(more: str, told: str) -> None:
    """A key that is unknown, double or none, an alias, a second document, a tag and broken YAML are refused."""
    assert told in refusal_of(WHOLE + more)


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("  - generate_customer", "  - 5", "generators: 5 is neither a name nor one name with arguments"),
        ("  - generate_customer", "  - {a: {}, b: {}}", "neither a name nor one name with arguments"),
        ("  - generate_customer", "  - [generate_customer]", "neither a name nor one name with arguments"),
        ("  - generate_customer", "  - generate_customer: 5", "$.generators[0].arguments"),
        ("  - generate_customer", "  - 5: {}", "$.generators[0].generator"),
        ("tags: [order]", "tags: order", "$.tags"),
        ("scenario_id: two_orders", "scenario_id: 5", "$.scenario_id"),
        ("linked_requirement_ids: []", "linked_requirement_ids:", "$.linked_requirement_ids"),
        ("default_constraints: {", "default_constraints: {when: 2026-07-04, ", "$.default_constraints"),
        ("default_constraints: {", "default_constraints: {list: [1], ", "$.default_constraints"),
        ("default_constraints: {", "default_constraints: {n: .nan, ", "the number is too large, or none"),
        ("default_constraints: {", "default_constraints: {n: -.inf, ", "the number is too large, or none"),
        ("default_constraints: {", f"default_constraints: {{n: 0x{'f' * 5000}, ", "the integer is too large"),
        ("default_constraints: {", "default_constraints: {n: 9223372036854775808, ", "the integer is too large"),
        ("default_constraints: {", f"default_constraints: {{n: 1{':1' * 400}.0, ", "the number is too large, or none"),
        ("default_constraints: {", 'default_constraints: {t: "\\uD800", ', "surrogates not allowed"),
        ("default_constraints: {", 'default_constraints: {t: "a\\0b", ', "the character NUL is not allowed"),
        ("default_constraints: {", "default_constraints: {d: 2026-13-01, ", "month must be in 1..12"),
    ],
)
def test_wrong_shape_is_placed(line: str, instead: str, told: str) -> None:
    """A value of the wrong shape is refused with its place in the file."""
    assert line in WHOLE
    assert told in refusal_of(WHOLE.replace(line, instead))


@pytest.mark.parametrize("text", ["", "just text", "[a, b]", b"\xff\xfe\xfa", b"a: \x00"])
def test_other_content_is_refused(text: str | bytes) -> None:
    """A file that is empty, no mapping or no text is refused by its name."""
    refusal_of(text)


def test_huge_file_is_refused() -> None:
    """A file that is far too large is refused before it is read as YAML."""
    assert f"larger than {LARGEST_FILE} bytes" in refusal_of(b"#" * (LARGEST_FILE + 1))


@pytest.mark.parametrize("unit", ["[", "{a: ", "[{a: ", "- ", "? ", "a:\n"])
def test_deeply_nested_file_is_refused(unit: str) -> None:
    """A file that is nested without end is refused where the limit is passed, in no time, whichever way it nests."""
    text = "".join(f"{' ' * i * unit.endswith(chr(10))}{unit}" for i in range(300))
    assert f"nested deeper than {DEEPEST}" in refusal_of(text)


@pytest.mark.parametrize(("depth", "told"), [(DEEPEST - 1, "unknown field"), (DEEPEST, "nested deeper than 32")])
def test_limit_of_nesting_is_exact(depth: int, told: str) -> None:
    """Thirty-two mappings and lists may stand inside one another, the file itself being the first."""
    assert told in refusal_of(f"{WHOLE}more: {'[' * depth}{']' * depth}\n")


@pytest.mark.parametrize(
    "unit", ["a", "[],", "[[[[[[[[[]]]]]]]]],", "- x\n", "x: y\n", "'a', ", "#", '"\\n" ', "\u00e9", "1:"]
)
def test_largest_file_is_read_in_bounded_time(unit: str) -> None:
    """Whatever a file of the largest size repeats, it is refused within seconds."""
    text = unit * (LARGEST_FILE // len(unit.encode()))
    started = time.process_time()
    refusal_of(text)
    refusal_of(f"[{text}"[:LARGEST_FILE].encode()[:LARGEST_FILE])
    assert time.process_time() - started < BOUND


def test_folder_is_read_by_file_name(tmp_path: Path) -> None:
    """All YAML files of a folder are read in the order of their names; others are left alone."""
    for name in ("b.yaml", "a.yaml"):
        (tmp_path / name).write_text(WHOLE.replace("two_orders", name[0]))
    (tmp_path / "notes.txt").write_text("not a scenario")
    assert [scenario.scenario_id for scenario in load_scenarios(tmp_path)] == ["a", "b"]


def test_two_files_of_one_scenario_are_refused(tmp_path: Path) -> None:
    """A second file of the same scenario is refused by its name."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(WHOLE)
    with pytest.raises(ScenarioInvalid, match=r"b\.yaml: scenario_id 'two_orders' exists already"):
        load_scenarios(tmp_path)


def test_broken_file_of_a_folder_is_named(tmp_path: Path) -> None:
    """One broken file of a folder is named."""
    (tmp_path / "a.yaml").write_text(WHOLE)
    (tmp_path / "b.yaml").write_text("nonsense")
    with pytest.raises(ScenarioInvalid, match=r"b\.yaml"):
        load_scenarios(tmp_path)
