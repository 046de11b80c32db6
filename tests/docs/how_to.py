"""Pages that tell their reader what to type, as CI carries them out, in a folder that looks like a checkout.

A page is followed from top to bottom. A fence with a title is a file to save, one of `sh` is what the reader types, and
one of `text` right after it is what that prints. Every address of this machine outside a fence is a page to look at.

What a page shows is one run of it. `…` stands for anything, and `RUN`, `OTHER` and `TOKEN` for one word each, which the
page may name again. So may it name a run, a token, a seed or a day that it shows as it once was; moments, durations and
people are others each time. Blanks are as wide as one another, and so are rulers.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from infra.local_stack.stack import free_ports

ROOT = Path(__file__).parents[2]
# In a folder of links, `make` would set up an environment; what these targets do is one program.
MAKE = 'make() { for target in "$@"; do .venv/bin/python -m infra.local_stack "$target"; done; }'
PATIENCE = 120  # seconds for one block
# Variables; in CI, pytest writes its summary in full, where a terminal cuts it.
NOT_A_READERS = ("ATDM_", "TARGET_", "AWS_", "PYTEST_", "CI", "BUILD_NUMBER", "MAKE", "MFLAGS")

PLACEHOLDER = r"\b(?:RUN|OTHER|TOKEN)\b"
NAMES = {
    PLACEHOLDER: r"[^\s/,\"]+",
    r"01[0-9A-HJKMNP-TV-Z]{24}\b": r"01[0-9A-HJKMNP-TV-Z]{24}",  # a run
    r"\b[0-9a-f]{64}\b": r"[0-9a-f]{64}",  # a cleanup token
    r"(?<=seed[ =])\d{9,16}": r"\d{1,16}",  # a seed that was not chosen
    r"(?<=as_of=')[\d-]{10}|(?<=as-of )[\d-]{10}": r"[\d-]{10}",  # the day of the walk
}
"""Samples that may come again in the page, and what they are anywhere."""
MOMENTS = {
    "…": r"(?s:.*?)",
    r"\b\d{4}-\d\d-\d\dT[\d:]+\.\d+Z": r"\d{4}-\d\d-\d\dT[\d:]+\.\d+Z",  # when something happened
    r"(?<= in )\d+\.\d\ds": r"\d+\.\d\ds",  # how long it took
    r"human:\w+": r"human:\S+",  # who did it
}
"""Samples that are new each time."""
FAILURE = re.compile(r"^(FAILED|WRONG|atdm(-server)?: )|^\d+ failed\b", flags=re.MULTILINE)
"""What is printed by a command that fails."""

_FENCE = re.compile(r'```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?')
_ADDRESS = re.compile(r"<(http://127\.0\.0\.1:[^>]+)>")
_RULER = re.compile(r"([-=_])\1{2,}")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, the title of a file being its path, seen from the checkout; or a page to `look` at."""

    language: str
    title: str
    text: str


def read_blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order; `ValueError` for a fence that nobody would follow."""
    lines = enumerate(page.splitlines(), start=1)
    for number, line in lines:
        if not line.startswith("```"):
            yield from (Block("look", "", address) for address in _ADDRESS.findall(line))
            continue
        fence = _FENCE.fullmatch(line)
        text = "".join(f"{each}\n" for each in _until_end(lines))
        if fence is None or not (fence["title"] or fence["language"] in ("sh", "text")):
            raise ValueError(f"line {number}: {line} is neither sh, nor text, nor a file with a title")
        yield Block(fence["language"], fence["title"] or "", text)


def _until_end(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line == "```":
            return
        yield line


class Checkout:
    """A folder that looks like a checkout to whoever types commands in it; its stack has ports of its own.

    `known` are words of the page and what they are here.
    """

    def __init__(self, folder: Path, *linked: str) -> None:
        """Link these entries of the real checkout; `make_environment` adds `.venv`."""
        self.folder = folder
        folder.mkdir()
        for name in linked:
            (folder / name).symlink_to(ROOT / name)
        target_port, api_port, other_port = map(str, free_ports(3))
        self.known = {"18000": target_port, "18001": api_port, "18002": other_port}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_A_READERS)}
        self.environment = {**kept, "TARGET_PORT": target_port, "ATDM_PORT": api_port, "COLUMNS": "110", "TERM": "dumb"}

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
        """A how-to, as it stands there."""
        return (ROOT / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")

    def blocks(self, name: str) -> list[Block]:
        """The blocks of a how-to."""
        return list(read_blocks(self.page(name)))

    def here(self, text: str, *, file: bool = False) -> str:
        """A text of the page with the ids, ports and folders that it has here; in a file `TOKEN` is a name."""
        words = [re.escape(word) for word in self.known if not re.fullmatch(PLACEHOLDER, word)]
        forms = [*sorted(words, key=len, reverse=True), *([] if file else [PLACEHOLDER])]
        return re.sub("|".join(forms), lambda found: self.known.get(found[0], found[0]), text)

    def follow(self, blocks: list[Block], *, refused: Collection[str] = ()) -> None:
        """Do what the blocks say, in order.

        A command must fail where the output that the page shows tells so, or where it begins with one of `refused`,
        and nowhere else.
        """
        told = ""
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block.title:
                self.write(block)
            elif block.language == "sh":
                shown = after.text if after and after.language == "text" else ""
                told = self.run(block.text, fails=block.text.startswith(tuple(refused)) or bool(FAILURE.search(shown)))
            elif block.language == "text":
                self.expect(block.text, told)
            else:
                answer = httpx2.get(self.here(block.text), trust_env=False)
                assert answer.status_code == 200, f"{block.text} answers {answer.status_code}"

    def write(self, block: Block) -> None:
        """Write the file that a block is."""
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.here(block.text, file=True), encoding="utf-8")

    def run(self, commands: str, *, fails: bool = False) -> str:
        """What the commands print, errors included; what they export is there for the next ones."""
        typed = self.here(commands)
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
        pattern, samples = self._pattern(_plain(shown))
        found = re.fullmatch(pattern, _plain(told))
        assert found, f"the page shows\n{self.here(shown)}\nbut this was told\n{told}"
        self.known |= {sample: found[name] for sample, name in samples.items()}

    def _pattern(self, shown: str) -> tuple[str, dict[str, str]]:
        """What matches output like this, and the group in which it finds what each new name of the page is here."""
        forms = [*NAMES.values(), *MOMENTS.values()]
        samples: dict[str, str] = {}
        parts: list[str] = []
        end = 0
        for found in re.finditer("|".join(f"({sample})" for sample in (*NAMES, *MOMENTS)), shown):
            form = forms[(found.lastindex or 1) - 1]
            parts += [re.escape(self.here(shown[end : found.start()]))]
            if form in MOMENTS.values():
                parts += [form]
            elif found[0] in self.known:
                parts += [re.escape(self.known[found[0]])]
            elif found[0] in samples:
                parts += [f"(?P={samples[found[0]]})"]
            else:
                samples[found[0]] = f"name{len(samples)}"
                parts += [f"(?P<{samples[found[0]]}>{form})"]
            end = found.end()
        return "".join([*parts, re.escape(self.here(shown[end:]))]), samples


@contextmanager
def checkout(folder: Path, *linked: str) -> Generator[Checkout]:
    """A checkout with an environment of its own in a new folder; its stack is stopped in the end."""
    made = Checkout(folder, *linked)
    made.make_environment()
    try:
        yield made
    finally:
        made.run("make down")


def _plain(text: str) -> str:
    """With blanks and rulers of one width; the blanks beside `…` belong to it."""
    lines = [_RULER.sub(r"\1\1\1", " ".join(line.split())) for line in text.strip().splitlines()]
    return re.sub(" ?… ?", "…", "\n".join(lines))
