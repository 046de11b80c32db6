"""Runs a Dockerfile's steps without Docker: every stage is a folder, COPY copies, RUN runs in a shell.

It knows what infra/docker uses and refuses the rest. FROM an image starts with an empty folder and this machine's
programs, so RUN steps must keep to relative paths; an absolute one that leaves the stage is refused.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ABSOLUTE: Final = re.compile(r"""(?:^|[\s"'=])/[a-z]""")
IGNORED: Final = frozenset({"EXPOSE", "HEALTHCHECK"})


@dataclass
class Stage:
    """A stage as far as it has been built; paths of the image are below `root`."""

    root: Path
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict[str, str])
    user: str = "root"
    command: str = ""

    def path(self, inside: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / self.workdir.lstrip("/") / inside if not inside.startswith("/") else self.root / inside[1:]


def instructions(text: str) -> list[tuple[str, str]]:
    """(keyword, rest) of each instruction, with comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(keyword.upper(), rest.strip()) for keyword, _, rest in pairs]


class Build:
    """The stages of one Dockerfile, built in `folder` from the build context `context`."""

    def __init__(self, dockerfile: Path, context: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._steps = instructions(dockerfile.read_text())
        self._context = context
        self._folder = folder
        self._environment = environment
        self.stages: dict[str, Stage] = {}

    def run(self) -> dict[str, Stage]:
        """Build all stages in order."""
        stage = Stage(self._folder)
        for keyword, rest in self._steps:
            if keyword == "FROM":
                stage = self._begin(rest)
            elif keyword != "ARG":
                self._step(stage, keyword, rest)
        return self.stages

    def _begin(self, rest: str) -> Stage:
        origin, _, name = rest.split()
        stage = Stage(self._folder / name)
        if origin in self.stages:
            parent = self.stages[origin]
            shutil.copytree(parent.root, stage.root, symlinks=True, copy_function=link)
            stage.workdir, stage.environment = parent.workdir, {**parent.environment}
        else:
            stage.root.mkdir(parents=True)
        self.stages[name] = stage
        return stage

    def _step(self, stage: Stage, keyword: str, rest: str) -> None:
        if keyword == "WORKDIR":
            stage.workdir = rest
            stage.path(".").mkdir(parents=True, exist_ok=True)
        elif keyword == "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif keyword == "USER":
            stage.user = rest
        elif keyword == "CMD":
            stage.command = rest
        elif keyword == "COPY":
            self._copy(stage, *rest.split())
        elif keyword == "RUN":
            self._shell(stage, rest)
        elif keyword not in IGNORED:
            raise AssertionError(f"tests/containers does not know the instruction {keyword}")

    def _copy(self, stage: Stage, *words: str) -> None:
        if words == (".", "."):
            copy_context(self._context, stage.path("."))
            return
        origin, source, target = words
        assert origin.startswith("--from="), words
        shutil.copytree(
            self.stages[origin.removeprefix("--from=")].path(source), stage.path(target), symlinks=True,
            copy_function=link,
        )  # fmt: skip

    def _shell(self, stage: Stage, script: str) -> None:
        assert not ABSOLUTE.search(script), f"this step reaches outside of its stage: {script}"
        environment = {**self._environment, **stage.environment}
        done = subprocess.run(
            ["/bin/sh", "-c", script], cwd=stage.path("."), env=environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"RUN {script}\n{done.stdout}{done.stderr}"


def copy_context(context: Path, target: Path) -> None:
    """Copy what .dockerignore lets through: the `!path` lines below a first rule `*`, less the `**/` patterns."""
    rules = [line for line in (context / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*", "a context that lists what may go in cannot leak what is new"
    left_out = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]

    def ignored(_: str, names: list[str]) -> set[str]:
        return {name for name in names if any(fnmatch(name, pattern) for pattern in left_out)}

    for rule in rules:
        if rule.startswith("!"):
            source, copy = context / rule[1:], target / rule[1:]
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=ignored)
            else:
                shutil.copy2(source, copy)


def link(source: str, target: str) -> None:
    """Copy by hard link: stages hold hundreds of megabytes, and no step here edits a file in place."""
    Path(target).hardlink_to(source)
