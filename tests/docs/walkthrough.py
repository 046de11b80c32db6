"""A page that tells its reader what to type, and what comes of it: read as steps, and walked in order.

In a page, a fence `sh` is what to type, `text` is what came of the commands before it, and a fence with a title is a
file to save. Every address of this machine outside a fence is a page to look at.

What a page shows is one run of it. Ids, tokens and times are other ones the next time. Where a page shows an id again,
the walk takes the one that it met when the page showed it first. A line `...` stands for any lines, blanks are as wide
as one another, and so are rulers.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx2

__all__ = ["Step", "Walk", "read_steps"]

FENCE = re.compile(r'```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?')
ADDRESS = re.compile(r"<(http://127\.0\.0\.1:[^>]+)>")
NAMES = {
    r"01[0-9A-HJKMNP-TV-Z]{24}\b": r"01[0-9A-HJKMNP-TV-Z]{24}",  # a run
    r"\b[0-9a-f]{64}\b": r"[0-9a-f]{64}",  # a cleanup token
    r"(?<=seed[ =])\d{9,16}": r"\d{1,16}",  # a seed that was not chosen
    r"(?<=as_of=')[\d-]{10}|(?<=as-of )[\d-]{10}": r"[\d-]{10}",  # the day of the walk
}
"""Samples that may come again in the page, and what they are anywhere."""
MOMENTS = {
    r"\b\d{4}-\d\d-\d\dT[\d:]+\.\d+Z": r"\d{4}-\d\d-\d\dT[\d:]+\.\d+Z",  # when something happened
    r"(?<= in )\d+\.\d\ds": r"\d+\.\d\ds",  # how long it took
    r"human:\w+": r"human:\S+",  # who did it
}
"""Samples that are new each time."""
RULER = re.compile(r"([-=_])\1{2,}")


@dataclass(frozen=True)
class Step:
    """Something to type, the output that it has, a file of this title to save, or the address of a page."""

    kind: Literal["type", "output", "save", "look"]
    text: str
    line: int
    title: str = ""


def read_steps(page: str) -> Iterator[Step]:
    """The steps of a page, in order; `ValueError` for a fence that a walk would pass over."""
    lines = enumerate(page.splitlines(), start=1)
    for number, line in lines:
        if not line.startswith("```"):
            yield from (Step("look", address, number) for address in ADDRESS.findall(line))
            continue
        fence = FENCE.fullmatch(line)
        body = "\n".join(_until_end(lines))
        match fence and (fence["language"], fence["title"]):
            case ("sh", None):
                yield Step("type", body, number)
            case ("text", None):
                yield Step("output", body, number)
            case (_, str(title)):
                yield Step("save", body + "\n", number, title)
            case _:
                raise ValueError(f"line {number}: {line} is neither sh, nor text, nor a file with a title")


def _until_end(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line == "```":
            return
        yield line


class Walk:
    """A reader in a folder, who does what a page says; `known` are words of the page and what they are here."""

    def __init__(self, folder: Path, environment: Mapping[str, str], known: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._known = dict(known)
        self._status = 0
        self._output = ""

    def take(self, step: Step) -> None:
        """Do one step; `AssertionError` when something else comes of it than the page shows."""
        match step.kind:
            case "type":
                self._type(self.here(step.text))
            case "output":
                self._compare(step)
            case "save":
                (self._folder / step.title).write_text(self.here(step.text))
            case "look":
                answer = httpx2.get(self.here(step.text))
                assert answer.status_code == 200, f"line {step.line}: {step.text} answers {answer.status_code}"

    def here(self, text: str) -> str:
        """A text of the page with the ids, ports and folders of this walk."""
        words = "|".join(re.escape(word) for word in sorted(self._known, key=len, reverse=True))
        return re.sub(words, lambda found: self._known[found[0]], text)

    def _type(self, command: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self._status, self._output = done.returncode, done.stdout

    def _compare(self, step: Step) -> None:
        fails = bool(re.search(r"^(FAILED|atdm: [A-Z_]+:)|^\d+ failed", step.text, flags=re.MULTILINE))
        shown, told = _plain(step.text), _plain(self._output)
        pattern, samples = self._pattern(shown)
        found = re.fullmatch(pattern, told)
        assert found, f"line {step.line} shows\n\n{self.here(shown)}\n\nand this came:\n\n{told}"
        assert bool(self._status) == fails, f"line {step.line}: the command before ended with {self._status}"
        self._known |= {sample: found[name] for sample, name in samples.items()}

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
            elif found[0] in self._known:
                parts += [re.escape(self._known[found[0]])]
            elif found[0] in samples:
                parts += [f"(?P={samples[found[0]]})"]
            else:
                samples[found[0]] = f"name{len(samples)}"
                parts += [f"(?P<{samples[found[0]]}>{form})"]
            end = found.end()
        whole = "".join([*parts, re.escape(self.here(shown[end:]))])
        return re.sub(r"(?m)^\\\.\\\.\\\.\\\n", lambda _: r"(?:.*\n)*?", whole), samples


def _plain(text: str) -> str:
    lines = [RULER.sub(r"\1\1\1", " ".join(line.split())) for line in text.strip("\n").splitlines()]
    return "\n".join(lines)
