"""Pin every distribution the workspace needs, transitive ones included, in the root pyproject.toml.

    .venv/bin/python scripts/pin.py            write the pins that uv resolves, keeping those that still fit
    .venv/bin/python scripts/pin.py --upgrade  forget them and take the newest versions
    .venv/bin/python scripts/pin.py --check    fail when the pins are not what uv resolves

A lock file would do the same, but it writes down the host every wheel came from, and that host is a fact of
one machine. Exact versions in `[tool.uv] constraint-dependencies` give the same set everywhere.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "pyproject.toml"
UV = ROOT / ".tools" / "bin" / "uv"
BEGIN = "# pins: written by scripts/pin.py"
END = "# end of pins"
BLOCK = re.compile(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", re.DOTALL)
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;]+)(?: *; *(?P<marker>.+))?")


class PinError(Exception):
    """The pins cannot be made; the message says why."""


def main() -> int:
    """Write or check the pins; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="change nothing, fail when the pins are out of date")
    action.add_argument("--upgrade", action="store_true", help="take the newest versions that the workspace allows")
    options = parser.parse_args()
    before = PROJECT.read_text()
    try:
        if options.upgrade:
            PROJECT.write_text(with_pins(before, []))
        after = with_pins(before, pins(resolved(upgrade=options.upgrade)))
    except PinError as error:
        PROJECT.write_text(before)
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not options.check:
        PROJECT.write_text(after)
    elif after != before:
        print("error: the pins are out of date; run `.venv/bin/python scripts/pin.py`", file=sys.stderr)
        return 1
    return 0


def resolved(*, upgrade: bool) -> str:
    """What uv resolves for all members and platforms, as requirement lines with environment markers."""
    uv("lock", *(["--upgrade"] if upgrade else []))
    return uv(
        "export", "--frozen", "--all-packages", "--all-groups", "--no-emit-workspace", "--no-emit-project",
        "--no-hashes", "--no-header", "--no-annotate",
    )  # fmt: skip


def uv(*arguments: str) -> str:
    """Run one uv command in the workspace; returns its output, raises `PinError` with its complaint."""
    result = subprocess.run([UV, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PinError(f"uv {arguments[0]} failed:\n{result.stderr.strip()}")
    return result.stdout


def pins(exported: str) -> list[str]:
    """Sorted constraints; a marker stays only where one distribution has several versions."""
    versions: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for line in exported.splitlines():
        found = REQUIREMENT.fullmatch(line.strip())
        if found is None:
            raise PinError(f"'{line}' of uv export is not name==version; pin.py does not know what to do with it")
        versions[found["name"]][found["version"]] = found["marker"] or ""
    return [
        f"{name}=={version}" + (f" ; {marker}" if marker and len(found) > 1 else "")
        for name, found in sorted(versions.items())
        for version, marker in sorted(found.items())
    ]


def with_pins(project: str, constraints: list[str]) -> str:
    """The text of pyproject.toml with these constraints between the marker comments."""
    if not BLOCK.search(project):
        raise PinError(f"pyproject.toml lost the line '{BEGIN}' or '{END}' under [tool.uv]; put both back")
    lines = "".join(f'    "{constraint}",\n' for constraint in constraints)
    block = f"{BEGIN}\nconstraint-dependencies = [\n{lines}]\n{END}\n"
    return BLOCK.sub(lambda _: block, project)


if __name__ == "__main__":
    sys.exit(main())
