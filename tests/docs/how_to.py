"""How-to pages as CI carries them out, in a folder that looks like a checkout.

A page is followed from top to bottom. A fenced block with a title is a file, a block of `sh` is what the reader types,
and a block of `text` right after it is what that prints: `…` there stands for anything, and `RUN`, `OTHER` and `TOKEN`
for one word each, which the commands after it may use.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack.stack import free_ports

ROOT = Path(__file__).parents[2]
PLACEHOLDER = re.compile(r"\b(?:RUN|OTHER|TOKEN)\b")
# In a folder of links, `make` would set up an environment; what these targets do is one program.
MAKE = 'make() { for target in "$@"; do .venv/bin/python -m infra.local_stack "$target"; done; }'
PATIENCE = 120  # seconds for one block
NOT_A_READERS = ("ATDM_", "TARGET_", "AWS_", "CI", "MAKE", "MFLAGS")  # variables

_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; the title of a file is its path, seen from the checkout."""

    language: str
    title: str
    text: str


class Checkout:
    """A folder that looks like a checkout to whoever types commands in it; its stack has ports of its own."""

    def __init__(self, folder: Path, *linked: str) -> None:
        """Link these entries of the real checkout; `make_environment` adds `.venv`."""
        self.folder = folder
        folder.mkdir()
        for name in linked:
            (folder / name).symlink_to(ROOT / name)
        target_port, api_port, other_port = map(str, free_ports(3))
        self.replaced = {"18000": target_port, "18001": api_port, "18002": other_port}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_A_READERS)}
        self.environment = {**kept, "TARGET_PORT": target_port, "ATDM_PORT": api_port, "COLUMNS": "110", "TERM": "dumb"}
        self.known: dict[str, str] = {}

    def make_environment(self) -> None:
        """Make `.venv`: it has everything that this one has, and whatever is installed into it later."""
        environment = self.folder / ".venv"
        program = ROOT / ".tools" / "bin" / "uv"
        subprocess.run([program, "venv", "--quiet", "--python", sys.executable, environment], check=True)
        inside = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
        line = f"import site; site.addsitedir({str(Path(sys.prefix) / inside)!r})\n"
        (environment / inside / "workspace.pth").write_text(line, encoding="utf-8")
        for name in ("atdm", "atdm-server"):
            (environment / "bin" / name).symlink_to(Path(sys.executable).with_name(name))

    def own_program(self) -> None:
        """Make `atdm` a program of `.venv`: that of the linked environment does not see what is installed here."""
        program = self.folder / ".venv" / "bin" / "atdm"
        program.unlink()
        program.write_text(f"#!{program.with_name('python')}\nfrom atdm.cli import main\n\nmain()\n", encoding="utf-8")
        program.chmod(0o755)

    def page(self, name: str) -> str:
        """A how-to, with the ports of this checkout, and what else it replaces, in place of those that are shown."""
        text = (ROOT / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")
        for shown, here in self.replaced.items():
            text = text.replace(shown, here)
        return text

    def blocks(self, name: str) -> list[Block]:
        """The fenced blocks of a how-to."""
        return [Block(*found) for found in _FENCE.findall(self.page(name))]

    def follow(self, blocks: list[Block], *, refused: Collection[str] = ()) -> None:
        """Do what the blocks say, in order; the commands that begin with one of `refused` must fail, all others not."""
        told = ""
        for block in blocks:
            if block.title:
                self.write(block)
            elif block.language == "sh":
                told = self.run(block.text, fails=block.text.startswith(tuple(refused)))
            elif block.language == "text":
                self.expect(block.text, told)

    def write(self, block: Block) -> None:
        """Write the file that a block is."""
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run(self, commands: str, *, fails: bool = False) -> str:
        """What the commands print, errors included; what they export is there for the next ones."""
        typed = PLACEHOLDER.sub(lambda word: self.known.get(word[0], word[0]), commands)
        exported = self.folder / "exported"
        script = f"{MAKE}\ntrap 'env -0 >{exported}' EXIT\nset -eo pipefail\n{typed}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode != 0) is fails, f"{typed}\nended with {done.returncode}:\n{done.stdout}"
        lines = exported.read_text(encoding="utf-8").split("\0")
        self.environment = dict(line.split("=", 1) for line in lines if "=" in line)
        return done.stdout

    def expect(self, shown: str, told: str) -> None:
        """Compare what a page shows with what was told, and remember what stands in place of its words."""
        pattern, named = "", set[str]()
        for part in re.split(rf"(…|{PLACEHOLDER.pattern})", _trimmed(shown)):
            if part == "…":
                pattern += ".*?"
            elif PLACEHOLDER.fullmatch(part) and part not in self.known:
                pattern += f"(?P={part})" if part in named else rf"(?P<{part}>[^\s/,\"]+)"
                named.add(part)
            else:
                pattern += re.escape(self.known.get(part, part))
        found = re.fullmatch(pattern, _trimmed(told), flags=re.DOTALL)
        assert found, f"the page shows\n{shown}\nbut this was told\n{told}"
        self.known |= found.groupdict()


@contextmanager
def checkout(folder: Path, *linked: str) -> Generator[Checkout]:
    """A checkout with an environment of its own in a new folder; its stack is stopped in the end."""
    made = Checkout(folder, *linked)
    made.make_environment()
    try:
        yield made
    finally:
        made.run("make down")


def _trimmed(text: str) -> str:
    """Without the blanks that nobody sees."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
