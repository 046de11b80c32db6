"""What a verification tells: what is wrong, where, and what to do; and what is merely unfinished."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct, field

__all__ = ["PROBLEMS_TOLD", "Code", "Counts", "OpenRun", "Problem", "Report"]

PROBLEMS_TOLD: Final = 10_000
"""Problems, and open runs, that a report lists; it counts the others."""

Code: TypeAlias = Literal["damaged", "broken_chain", "missing", "foreign", "contradiction", "cut_off", "signature"]
"""`damaged`: the bytes were changed. `broken_chain`: entries or segments are not those that were written one after the
other. `missing`: an object is not there. `foreign`: an object is, and should not be. `contradiction`: two objects tell
different stories. `cut_off`: less is there than the checkpoint saw. `signature`: a segment is signed by none of the
keys."""


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is wrong. `key`: the object, with its store before it; `entry`: the place in the trail."""

    code: Code
    key: str
    message: str
    run_id: str | None = None
    entry: int | None = None


class OpenRun(Struct, frozen=True):
    """A run that was begun and not ended, as a crash leaves it; the servers settle it. Nothing is wrong with it."""

    run_id: str
    reason: str


class Counts(Struct):
    """What was looked at."""

    objects: int = 0
    runs: int = 0
    entries: int = 0
    logs: int = 0
    segments: int = 0


class Report(Struct, kw_only=True):
    """The outcome of a verification. `ok` is whether nothing is wrong."""

    ok: bool = True
    store: str
    run_id: str | None = None
    looked_at: Counts = field(default_factory=Counts)
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    open_count: int = 0
    open_runs: list[OpenRun] = field(default_factory=list[OpenRun])

    def add(self, problem: Problem) -> None:
        """Tell of a problem."""
        self.ok = False
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_TOLD:
            self.problems.append(problem)

    def add_open(self, run: OpenRun) -> None:
        """Tell of a run that is unfinished."""
        self.open_count += 1
        if len(self.open_runs) < PROBLEMS_TOLD:
            self.open_runs.append(run)
