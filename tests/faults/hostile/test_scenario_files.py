"""Scenario files that nobody writes in good faith: refused within bounded time and memory, naming the file."""

import time
import tracemalloc
from collections import Counter
from typing import Final

import pytest

from atdm_core.errors import ScenarioInvalid
from atdm_core.scenario import LARGEST_FILE, parse_scenario

SECONDS: Final = 5.0  # of this process
MEMORY: Final = 64 * 1024 * 1024  # bytes

GOOD: Final = """\
scenario_id: good
description: As it should be.
generators: [generate_plan]
validators: []
linked_requirement_ids: []
"""

LAUGHS: Final = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

FILES: Final[dict[str, str | bytes]] = {
    "a billion laughs": LAUGHS,
    "an alias of itself": "a: &a [*a]\n",
    "an alias of a mapping": f"{GOOD}b: &b {{x: 1}}\nc: *b\n",
    "an anchor that nobody uses": GOOD.replace("good", "&name good"),
    "10,000 anchors": "".join(f"- &a{number} x\n" for number in range(5_000)),
    "a merge key": f"{GOOD}tags: {{<<: {{a: 1}}}}\n",
    "a merge key at the top": f"{GOOD}<<: {{tags: [x]}}\n",
    "a merge of a list": f"<<: [{{scenario_id: x}}, {{description: y}}]\n{GOOD}",
    "a Python object": f"{GOOD}tags: !!python/object/apply:os.system ['true']\n",
    "a Python name": f"{GOOD}tags: !!python/name:os.system\n",
    "a Python module": f"{GOOD}tags: !!python/module:os\n",
    "a Python tuple": f"{GOOD}tags: !!python/tuple [x]\n",
    "a tag of our own": f"{GOOD}tags: !secret [x]\n",
    "a tag by its address": f"{GOOD}tags: !<tag:yaml.org,2002:python/object:os.x> [x]\n",
    "a binary tag": f"{GOOD}tags: !!binary AAAA\n",
    "a set": f"{GOOD}tags: !!set {{x}}\n",
    "a tag that does not fit": f"{GOOD}tags: !!int x\n",
    "an empty tag": f"{GOOD}tags: ! x\n",
    "a directive": f"%YAML 1.1\n---\n{GOOD}",
    "a tag directive": f"%TAG ! tag:yaml.org,2002:python/\n---\n{GOOD}",
    "two documents": f"{GOOD}---\n{GOOD}",
    "1,000 documents": "---\n" * 1_000,
    "a key twice": f"{GOOD}description: Again.\n",
    "a key twice, quoted": f'{GOOD}"description": Again.\n',
    "a key twice, escaped": f'{GOOD}"\\x64escription": Again.\n',
    "a key twice within": f"{GOOD}default_constraints: {{a: 1, a: 2}}\n",
    "a key that is true and one": f"{GOOD}default_constraints: {{1: a, true: b}}\n",
    "a list for a key": f"{GOOD}? [a]\n: b\n",
    "a mapping for a key": f"{GOOD}? {{a: b}}\n: b\n",
    "an unknown key": f"{GOOD}colour: red\n",
    "a key in capitals": GOOD.replace("scenario_id", "SCENARIO_ID"),
    "700 brackets": "[" * 700,
    "60,000 brackets": "[" * 60_000,
    "60,000 braces": "{" * 60_000,
    "20,000 braces with keys": "{a: " * 15_000,
    "30,000 brackets that are closed": "[" * 30_000 + "]" * 30_000,
    "30,000 entries within one another": "- " * 30_000,
    "30,000 complex keys": "? " * 30_000,
    "33 levels": f"{GOOD}tags: {'[' * 32}{']' * 32}\n",
    "brackets in a key": f"{GOOD}{'[' * 100}: x\n",
    "many small lists": "[" + "[]," * 21_000 + "]",
    "many empty keys": "? \n" * 20_000,
    "64 KiB and one byte": "#" * (LARGEST_FILE + 1),
    "ten megabytes": "a" * 10_000_000,
    "a scalar of 64 KiB": "a" * LARGEST_FILE,
    "a quoted scalar of 64 KiB": '"' + "a" * (LARGEST_FILE - 2) + '"',
    "a quoted scalar without end": '"' + "\\n" * 30_000,
    "a block scalar": "|\n " + "x\n " * 20_000,
    "one long comment": "#" * 60_000,
    "blanks": " " * 60_000,
    "line ends": "\n" * 60_000,
    "colons": ":" * 60_000,
    "dashes": "-" * 60_000,
    "a number of 60,000 digits": f"{GOOD}default_constraints: {{n: {'9' * 60_000}}}\n",
    "60,000 hexadecimal digits": f"{GOOD}default_constraints: {{n: 0x{'f' * 60_000}}}\n",
    "60,000 binary digits": f"{GOOD}default_constraints: {{n: 0b{'1' * 60_000}}}\n",
    "base 60, 30,000 places": f"{GOOD}default_constraints: {{n: 1{':1' * 30_000}}}\n",
    "base 60 with a point": f"{GOOD}default_constraints: {{n: 1{':1' * 1_000}.5}}\n",
    "not a number": f"{GOOD}default_constraints: {{n: .nan}}\n",
    "infinity": f"{GOOD}default_constraints: {{n: .inf}}\n",
    "1e999": f"{GOOD}default_constraints: {{n: 1.0e+999}}\n",
    "an integer for a step": GOOD.replace("generate_plan", "0x" + "f" * 5_000),
    "no month": f"{GOOD}default_constraints: {{n: 2026-13-01}}\n",
    "no zone": f"{GOOD}default_constraints: {{n: 2026-01-01t00:00:00+99:99}}\n",
    "a day": f"{GOOD}default_constraints: {{n: 2026-01-01}}\n",
    "NUL": f"{GOOD}tags: [a\x00b]\n",
    "an escaped NUL": f'{GOOD}tags: ["a\\0b"]\n',
    "an escaped surrogate": f'{GOOD}tags: ["\\uD800"]\n',
    "a character beyond Unicode": f'{GOOD}tags: ["\\UFFFFFFFF"]\n',
    "control characters": f"{GOOD}tags: [\x01\x02\x1b]\n",
    "a tab for a blank": "scenario_id:\tx\n\tdescription: y\n",
    "UTF-16 that is cut off": GOOD.encode("utf-16")[:-1],
    "UTF-32": GOOD.encode("utf-32"),
    "no UTF-8": b"scenario_id: \xff\xfe\n",
    "surrogates as UTF-8": b"scenario_id: \xed\xa0\x80\n",
    "overlong UTF-8": b"scenario_id: \xc0\xae\n",
    "an archive": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "nothing": "",
    "JSON that is cut off": '{"scenario_id": ',
    "an include": f"{GOOD}tags: !include /etc/passwd\n",
    "an environment variable": GOOD.replace("good", "${HOME}") + "colour: ${HOME}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_scenario_file(name: str, tally: dict[str, Counter[str]]) -> None:
    """Whatever a scenario file is, it is refused with its name, in bounded time and memory."""
    text = FILES[name]
    data = text if isinstance(text, bytes) else text.encode()
    started = time.process_time()
    with pytest.raises(ScenarioInvalid, match=r"^hostile\.yaml: "):
        parse_scenario(data, "hostile.yaml")
    assert time.process_time() - started < SECONDS
    tally.setdefault("scenario file", Counter())["refused"] += 1


@pytest.mark.parametrize("name", ["a billion laughs", "many small lists", "30,000 entries within one another"])
def test_memory_is_bounded(name: str) -> None:
    """The files that would grow take no more memory than their size explains."""
    text = FILES[name]
    assert isinstance(text, str)
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioInvalid):
            parse_scenario(text.encode(), "hostile.yaml")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_the_good_file_is_read() -> None:
    """The file that the others are made of is a scenario."""
    assert parse_scenario(GOOD.encode(), "good.yaml").scenario_id == "good"
