"""What was promised, kept apart from the code that promises: what callers were told, and what reached the target."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct

from atdm_core.testing import MemoryTarget
from atdm_core.values import Bundle, Outcome

__all__ = ["KEY", "Broken", "Life", "Promises", "Rows"]

Rows: TypeAlias = dict[tuple[str, Any], Mapping[str, Any]]
"""Rows by table and primary key."""
KEY: Final[ContextVar[str | None]] = ContextVar("key", default=None)
"""The idempotency key of the request that a call belongs to."""


class Broken(AssertionError):
    """A promise was not kept."""


class Life(Struct):
    """What is known of one run.

    `free`: nobody may count on its rows any longer. `buried`: it may never have rows again, unless a baseline puts them
    back, and then it is `restored`: its rows are a part of that baseline, and no run's.
    """

    rows: Rows | None = None
    deadline: datetime | None = None
    free: bool = False
    buried: bool = False
    restored: bool = False
    cleaned: bool = False
    rejected: bool = False
    answer: Outcome | None = None
    seeds_target: bool = True


class Promises:
    """The book of promises. The target tells it what was done, the callers what they were told."""

    def __init__(self, target: MemoryTarget, now: Callable[[], datetime]) -> None:
        self._target = target
        self._now = now
        self.lives: dict[str, Life] = {}
        self._run_of_key: dict[str, str] = {}
        self._reference = {name: dict(rows) for name, rows in target.tables.items()}
        self._violation: str | None = None
        self.replaced_by: set[str] = set()

    def life(self, run_id: str) -> Life:
        """What is known of a run."""
        return self.lives.setdefault(run_id, Life())

    def seed_sent(self, run_id: str) -> None:
        """A bundle is sent to the target on behalf of the request whose key `KEY` has."""
        key = KEY.get()
        if key is not None and self._run_of_key.setdefault(key, run_id) != run_id:
            self._break(f"key {key} seeds run {run_id}, and has seeded {self._run_of_key[key]}")

    def seeded(self, bundle: Bundle, ttl_seconds: int | None) -> None:
        """The target has taken a bundle, perhaps again."""
        life = self.life(bundle.run_id)
        if life.buried:
            self._break(f"run {bundle.run_id} was deleted, and its late seed was taken")
        if life.rows is None:
            tables = bundle.whole()
            life.rows = {
                (name, row[tables[name].entity.key]): row for name, rows in bundle.records().items() for row in rows
            }
            life.deadline = None if ttl_seconds is None else self._in(ttl_seconds)

    def extended(self, run_id: str, ttl_seconds: int) -> None:
        """The target gives a run another deadline."""
        self.life(run_id).deadline = self._in(ttl_seconds)

    def deleted(self, run_id: str) -> None:
        """The target has deleted a run. Whether it should have is seen by whoever counts on the rows."""
        life = self.life(run_id)
        life.buried, life.restored = True, False

    def replaced(self, tables: Mapping[str, Mapping[Any, Mapping[str, Any]]], by: str) -> None:
        """All rows are gone, or those of a baseline are there instead: no promise to any run outlives that."""
        if by in self.replaced_by:
            self._break(f"{by} was carried out twice")
        self.replaced_by.add(by)
        here = {row.get("test_run_id") for rows in tables.values() for row in rows.values()}
        for run_id, life in self.lives.items():
            if life.rows is not None:
                life.free, life.restored, life.buried = True, run_id in here, run_id not in here

    def answered(self, outcome: Outcome, key: str | None, *, seeds_target: bool) -> None:
        """A request was answered with 200."""
        life = self.life(outcome.test_run_id)
        if key is not None and self._run_of_key.setdefault(key, outcome.test_run_id) != outcome.test_run_id:
            self._break(f"key {key} was answered with run {outcome.test_run_id}, not {self._run_of_key[key]}")
        if life.answer is not None and _told(life.answer) != _told(outcome):
            self._break(f"run {outcome.test_run_id} was answered differently: {life.answer} and {outcome}")
        if life.rejected:
            self._break(f"run {outcome.test_run_id} was rejected and is answered as ready")
        life.answer = outcome
        life.seeds_target = seeds_target

    def acknowledged(self) -> list[Outcome]:
        """The answers of all runs that were acknowledged."""
        return [life.answer for life in self.lives.values() if life.answer is not None]

    def check(self) -> None:
        """What must hold at any moment."""
        if self._violation:
            raise Broken(self._violation)
        here = self.rows_by_run()
        for run_id, rows in here.items():
            life = self.life(run_id)
            if life.buried:
                raise Broken(f"run {run_id} was deleted, and has rows")
            if rows != life.rows and not life.restored:
                raise Broken(f"the rows of run {run_id} are not those that were seeded")
        for run_id, life in self.lives.items():
            if life.answer is not None and self.counts_on_rows(life) and run_id not in here:
                raise Broken(f"run {run_id} was acknowledged, and its rows are gone")
        for name, rows in self._reference.items():
            if {key: row for key, row in self._target.tables[name].items() if row.get("test_run_id") is None} != rows:
                raise Broken(f"the reference rows of {name} have changed")

    def counts_on_rows(self, life: Life) -> bool:
        """Whether somebody may count on the rows of a run."""
        in_time = life.deadline is None or life.deadline > self._now()
        return life.seeds_target and not life.free and in_time

    def rows_by_run(self) -> dict[str, Rows]:
        """The rows of every run that has any."""
        found: dict[str, Rows] = {}
        for name, rows in self._target.tables.items():
            for key, row in rows.items():
                if row.get("test_run_id") is not None:
                    found.setdefault(row["test_run_id"], {})[name, key] = row
        return found

    def _in(self, seconds: int) -> datetime:
        return self._now() + timedelta(seconds=seconds)

    def _break(self, what: str) -> None:
        self._violation = self._violation or what


def _told(outcome: Outcome) -> tuple[Any, ...]:
    """What must be the same in every answer; when the time is up may be told anew."""
    token = outcome.cleanup.cleanup_token
    return (outcome.test_run_id, token, outcome.data, outcome.seed, outcome.as_of, outcome.audit_head)
