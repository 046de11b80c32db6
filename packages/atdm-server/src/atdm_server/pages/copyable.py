"""The same request three times, to be copied: for curl, for the command line, for pytest."""

import shlex
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from atdm_core.values import ConstraintValue

__all__ = ["Copyable", "copyable"]


class Copyable(Struct, frozen=True):
    """A request as text. The first two read ATDM_API_URL and ATDM_API_TOKEN, and so does the pytest plugin."""

    curl: str
    command: str
    pytest: str


def copyable(scenario: str, constraints: Mapping[str, ConstraintValue], domain: str | None = None) -> Copyable:
    """The request for `scenario` with these constraints; `domain` where several have a scenario of this name."""
    return Copyable(
        _curl(scenario, constraints, domain),
        _command(scenario, constraints, domain),
        _pytest(scenario, constraints, domain),
    )


def _curl(scenario: str, constraints: Mapping[str, ConstraintValue], domain: str | None) -> str:
    body = ({"domain": domain} if domain else {}) | {"scenario": scenario, "constraints": dict(constraints)}
    text = msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    return "\n".join(
        [
            'curl -X POST "$ATDM_API_URL/test-data/requests" \\',
            '  -H "Authorization: Bearer $ATDM_API_TOKEN" \\',
            "  -H 'Content-Type: application/json' \\",
            f"  -d {shlex.quote(text)}",
        ]
    )


def _command(scenario: str, constraints: Mapping[str, ConstraintValue], domain: str | None) -> str:
    words = [f"atdm request {shlex.quote(scenario)}"]
    words += [f"--domain {shlex.quote(domain)}"] if domain else []
    words += [f"-c {shlex.quote(_word(name, value))}" for name, value in constraints.items()]
    return " \\\n  ".join(words)


def _word(name: str, value: ConstraintValue) -> str:
    """`name=text`, and `name:=json` for what is no text, or text that the command would trim."""
    if isinstance(value, str) and value == value.strip():
        return f"{name}={value}"
    return f"{name}:={msgspec.json.encode(value).decode()}"


def _pytest(scenario: str, constraints: Mapping[str, ConstraintValue], domain: str | None) -> str:
    test = scenario if f"test_{scenario}".isidentifier() else "scenario"
    options = [f"    domain={domain!r},"] if domain else []
    if constraints:
        options += ["    constraints={", *(f"        {n!r}: {v!r}," for n, v in constraints.items()), "    },"]
    named = (
        [f"@atdm_scenario({scenario!r})"] if not options else ["@atdm_scenario(", f"    {scenario!r},", *options, ")"]
    )
    return "\n".join(
        [
            "from atdm.pytest import atdm_scenario",
            "",
            "",
            *named,
            f"def test_{test}(atdm_data):",
            '    assert atdm_data["status"] == "ready"',
        ]
    )
