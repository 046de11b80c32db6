"""Values that a request may set freely reach the database as they are, and pages as text."""

import html
import json
from typing import Any, Final

import psycopg
import pytest

from tests.faults.hostile.victim import Victim

VALUES: Final[dict[str, str]] = {
    "a script": "<script>alert(1)</script>",
    "an image": "<img src=x onerror=alert(1)>",
    "an attribute": '" onmouseover="alert(1)',
    "the end of a page": "</code></pre></main></body></html>",
    "a comment": "<!--",
    "an address with a script": "javascript:alert(1)",
    "an entity": "&lt;script&gt; &amp;amp; &#x3c;",
    "a template": "{{7*7}} {% raw %} ${7*7} #{7*7}",
    "SQL": "'; DROP TABLE claim; --",
    "SQL with a dollar": "$$; DELETE FROM claim; $$",
    "quotes": "'\"`\u2018\u201c",
    "backslashes": "\\ \\\\ \\n \\x41 \\u0041",
    "a placeholder": "%s %(x)s $1 :x ? {0} {name}",
    "COPY's null": "\\N",
    "COPY's end": "\\.",
    "CSV": 'a,"b";c\t"d"',
    "line breaks": "a\nb\r\nc\rd",
    "blanks around": "  a  \t",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f",
    "C1 control characters": "".join(map(chr, range(0x80, 0xA0))),
    "a terminal's escapes": "\x1b[31mred\x1b]0;title\x07",
    "Latin": "\u00e4\u00f6\u00fc\u00df\u00e9",
    "a composed accent": "\u00e9",
    "a combining accent": "e\u0301",
    "300 combining accents": "e" + "\u0301" * 300,
    "Chinese": "\u674e\u660e",
    "right to left": "\u0634\u0643\u0631\u0627",
    "an override": "a\u202egnp.exe\u202c",
    "zero-width characters": "a\u200b\u200c\u200d\ufeffb",
    "line separators": "a\u2028b\u2029c",
    "outside the first plane": "\U0001f4a5\U00020000\U0010fffd",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "private use": "\ue000\U000f0000",
    "the replacement character": "\ufffd",
    "JSON": '{"a": [1, null]}',
    "a Python literal": "''' + __import__('os').getcwd() + '''",
    "a triple quote": '"""',
    "a shell": "$(id) `id` ; id | id & id",
    "a format": "%n%s%d%x",
    "a number": "1e5",
    "null": "null",
    "a path": "../../../../etc/passwd",
    "an address": "http://169.254.169.254/latest/meta-data/",
    "one blank": " ",
    "100,000 letters": "\u00e9" * 100_000,
}
"""What a denial reason, which may be any text, may be."""

SCENARIO: Final = "claim_denied_in_any_words"
SHOWN: Final = 60  # characters; of a longer value pages show the beginning
SECTIONS: Final = ("<script", "<img", "onerror=alert(1)>", "</code></pre></main>")


@pytest.mark.parametrize("name", VALUES)
def test_hostile_value(victim: Victim, name: str) -> None:
    """A text of any characters is stored byte for byte, told as it is, shown as text and taken back."""
    value = VALUES[name]
    before = victim.state()["tables"]
    response = victim.ask(
        scenario=SCENARIO,
        constraints={"denial_reason": value},
        delivery={"return_records": True, "return_playwright_fixture": True, "return_pytest_fixture": True},
    )
    assert response.status_code == 200, response.text[:300]
    answer = response.json()
    assert answer["records"]["claim"][0]["denial_reason"] == value
    assert stored(victim, answer["test_run_id"]) == value.encode()
    check_fixtures(answer, value)
    check_trail(victim, answer["test_run_id"], value)
    check_pages(victim, answer["test_run_id"], value)
    assert victim.take_back(answer).json()["status"] == "cleaned"
    assert victim.state()["tables"] == before
    victim.check_health()
    victim.note("value: seeded and read back", "200")


@pytest.mark.parametrize("value", ["\u0000", "a\u0000b", "\ud800", "a\udfffb"])
def test_what_no_database_takes(victim: Victim, value: str) -> None:
    """A text with NUL or half a surrogate pair, which PostgreSQL and UTF-8 cannot hold, is refused before anything."""
    before = victim.state()
    body = json.dumps({"scenario": SCENARIO, "constraints": {"denial_reason": value}})
    headers = {"authorization": victim.bearer("seed"), "content-type": "application/json"}
    response = victim.http.post("/test-data/requests", content=body, headers=headers)
    assert response.status_code in (400, 422), response.text
    assert victim.state() == before
    victim.note("value: refused", str(response.status_code))


def stored(victim: Victim, run_id: str) -> bytes:
    """The bytes of the denial reason in PostgreSQL."""
    with psycopg.connect(victim.stack.postgres_dsn) as connection:
        query = "SELECT convert_to(denial_reason, 'UTF8') FROM claim WHERE test_run_id = %s"
        row = connection.execute(query, [run_id]).fetchone()
    assert row is not None
    return bytes(row[0])


def check_fixtures(answer: dict[str, Any], value: str) -> None:
    """Both fixture files are data, and hold the value."""
    paths = answer["fixtures"]
    with open(paths["playwright"], encoding="utf-8") as file:  # noqa: PTH123 - a path as text
        assert json.load(file)["records"]["claim"][0]["denial_reason"] == value
    names: dict[str, Any] = {"__builtins__": {"dict": dict}}
    with open(paths["pytest"], encoding="utf-8", newline="") as file:  # noqa: PTH123 - a path as text
        exec(compile(file.read(), "fixture", "exec"), names)
    assert names["scenario_data"]()["records"]["claim"][0]["denial_reason"] == value


def check_trail(victim: Victim, run_id: str, value: str) -> None:
    """The trail has the value as it was asked for."""
    trail = victim.http.get(f"/audit/runs/{run_id}")
    assert trail.headers["content-type"] == "application/json"
    assert trail.json()["events"][0]["inputs"]["request"]["constraints"] == {"denial_reason": value}


def check_pages(victim: Victim, run_id: str, value: str) -> None:
    """Our page and the target's own show the value as text, and no part of it as markup."""
    page = victim.http.get(f"/ui/audit/{run_id}")
    assert page.status_code == 200
    assert len(page.content) <= 100 * 1024
    member = victim.http.get(f"{victim.stack.target_url}/members/m-{run_id}", headers={"accept": "text/html"})
    for shown in (page.text, member.text if "html" in member.headers["content-type"] else ""):
        if any(sign in value for sign in "<>"):
            assert value not in shown
        assert not [section for section in SECTIONS if section in shown and section in value]
    if len(value) <= SHOWN and value.isprintable():
        assert value in html.unescape(page.text)
