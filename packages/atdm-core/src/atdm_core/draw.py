"""The draw: what a generator sees, and the source behind it.

A pack author writes each generator once, against `Draw`, and never sees a random generator, a clock or a loop.
Behind the draw stands a `Source` that answers one question: an integer below k, for this stream and these rows.
`SeededSource` answers it by computation, one row or millions, `RecordedSource` from a list of what was answered
before; one that asks Hypothesis fits the same door.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from atdm_core.columns import Coded, Column, Ints, Joined, Keys, Pool
from atdm_core.errors import GeneratorFailed, InvalidDraws
from atdm_core.table import Table

__all__ = [
    "LARGEST_BOUND",
    "LARGEST_SEED",
    "Draw",
    "RecordedSource",
    "Seed",
    "SeededSource",
    "Source",
    "source_of",
    "splitmix64",
]

Seed: TypeAlias = int | tuple[int, ...]
"""What values are a function of: a number that all answers are computed from, or the answers themselves, in order."""

LARGEST_BOUND = 2**32  # an answer is the product of 32 random bits and the bound, so a larger bound would leave gaps
LARGEST_SEED = 2**53 - 1  # seeds travel through JSON, and every JSON reader keeps integers up to here exact
_LARGEST_SIZE = 2**53  # of a range of serial numbers, for the same reason
_LETTERS = Pool("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LONGEST_CODE = 11  # letters that 2**53 numbers can fill

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = (np.uint64(n) for n in (27, 30, 31, 32))


class Source(Protocol):
    """Answers one question; the only place that variety comes from."""

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """One integer in [0, bound) for each row of `rows`, for the stream of this name (`entity.column`)."""
        ...


class SeededSource:
    """A pure function of (seed, stream, row): any row of any shard alone, in any process, on any machine.

    Counter-based: SplitMix64 (Steele, Lea and Flood, 2014) over the row number, started from BLAKE2b of the stream's
    name keyed with the seed. No state, so one row costs the same code as a million.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"a seed is an integer from 0 to {LARGEST_SEED}, not {seed}")
        self.seed = seed

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """See `Source.below`; bounds up to 2**32."""
        if not 1 <= bound <= LARGEST_BOUND:
            raise ValueError(f"{stream}: a bound is from 1 to {LARGEST_BOUND}, not {bound}")
        x = splitmix64(_start_of(self.seed, stream), np.arange(rows.start, rows.stop, rows.step, dtype=np.uint64))
        return (((x >> _S32) * np.uint64(bound)) >> _S32).view(np.int64)


class RecordedSource:
    """The answers of another source again, in the order in which they were given.

    They fit one scenario with its constraints and one version of its pack; `InvalidDraws` says where they do not.
    """

    def __init__(self, answers: Sequence[int]) -> None:
        self._answers = answers
        self._taken = 0

    def below(self, bound: int, stream: str, rows: range) -> Ints:
        """See `Source.below`; `InvalidDraws` when the answers are used up, or one of them is not below the bound."""
        start, self._taken = self._taken, self._taken + len(rows)
        answers = self._answers[start : self._taken]
        if len(answers) < len(rows):
            raise _misfit(f"there are {len(self._answers)}, and {stream} needs one more", stream=stream)
        for place, answer in enumerate(answers, start):
            if not 0 <= answer < bound:
                raise _misfit(f"[{place}] is {answer}, and {stream} needs one from 0 to {bound - 1}", stream=stream)
        return np.array(answers, dtype=np.int64)

    def close(self) -> None:
        """Raise `InvalidDraws` when answers are left."""
        if self._taken < len(self._answers):
            raise _misfit(f"there are {len(self._answers)}, and the bundle needs {self._taken}")


def source_of(seed: Seed) -> SeededSource | RecordedSource:
    """The source that a seed stands for."""
    return SeededSource(seed) if isinstance(seed, int) else RecordedSource(seed)


def _misfit(said: str, **details: str) -> InvalidDraws:
    return InvalidDraws(
        f"the draws of the seed do not fit: {said}; give those of a bundle of this scenario, with these constraints, "
        "drawn by the same version of the pack",
        **details,
    )


@lru_cache(maxsize=4096)
def _start_of(seed: int, stream: str) -> np.uint64:
    digest = blake2b(stream.encode(), key=seed.to_bytes(8, "little"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@lru_cache(maxsize=4096)
def _start_of_run(run_id: str, stream: str) -> int:
    return int.from_bytes(blake2b(f"{run_id}\0{stream}".encode(), digest_size=8).digest(), "little")


def splitmix64(start: np.uint64, counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The `counter`-th outputs (0-based) of the SplitMix64 generator that was seeded with `start`."""
    x = start + (counter + np.uint64(1)) * _GAMMA
    x ^= x >> _S30
    x *= _MIX_1
    x ^= x >> _S27
    x *= _MIX_2
    x ^= x >> _S31
    return x


class Draw:
    """The rows of one step that are to be made: their constraints, their keys, and variety by column name.

    Everything it returns is a whole column of `len(draw)` rows. Dates are relative to `as_of`, the day of the bundle.
    """

    def __init__(
        self,
        source: Source,
        *,
        entity: str,
        rows: range,
        as_of: date,
        run_id: str,
        constraints: Mapping[str, Any],
        made: Mapping[str, Sequence[Table]],
        repeat: int = 0,
        repeats: int = 1,
    ) -> None:
        """`repeat` of `repeats` (0-based): which of the plan's steps for this entity; keeps keys and streams apart."""
        self._source = source
        self._entity = entity
        self._rows = rows
        self._as_of = np.datetime64(as_of, "D")
        self._run_id = run_id
        self._constraints = constraints
        self._made = made
        self._repeat = repeat
        self._repeats = repeats
        self._stream = entity if repeat == 0 else f"{entity}#{repeat}"

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def as_of(self) -> date:
        """The day that every date in the bundle is relative to."""
        return self._as_of.item()

    def constraint(self, name: str) -> Any:
        """The value of a constraint for these rows: the step's argument, else the request's, else the default."""
        if name not in self._constraints:
            raise GeneratorFailed(
                f"the generator of {self._entity} asks for a constraint {name!r} that its pack does not declare"
            )
        return self._constraints[name]

    def key(self, prefix: str) -> Keys:
        """New primary keys, `<prefix>-<run>`: of the run, never of the seed, so runs of one seed live side by side."""
        return Keys(f"{prefix}-{self._run_id}", self._ordinals())

    def serial(self, column: str, low: int, high: int) -> Ints:
        """Integers from `low` to `high`, both included, of the run and never of the seed, as UNIQUE wants them.

        No two rows of a run share one, as long as the range has room. Two runs of n rows each share one with a chance
        of about 2n / (high - low): never, as far as anybody will see, in 2**53, and soon in a thousand.
        """
        size = high - low + 1
        if not 1 <= size <= _LARGEST_SIZE:
            raise ValueError(f"{self._entity}.{column}: a serial number has 1 to 2**53 values to be, not {size}")
        start = _start_of_run(self._run_id, f"{self._entity}.{column}") % size
        return low + (start + self._ordinals() % size) % size

    def code(self, column: str, length: int) -> Joined:
        """Texts of `length` (1 to 11) capital letters, of the run and never of the seed: see `serial`."""
        if not 1 <= length <= _LONGEST_CODE:
            raise ValueError(f"{self._entity}.{column}: a code has 1 to {_LONGEST_CODE} letters, not {length}")
        number = self.serial(column, 0, len(_LETTERS) ** length - 1)
        return Joined(*(Coded(number // len(_LETTERS) ** place % len(_LETTERS), _LETTERS) for place in range(length)))

    def ref(self, entity: str) -> Column:
        """The keys of the rows of `entity` that the latest step before this one made, row by row."""
        return self._latest(entity).key_column

    def of(self, entity: str, column: str) -> Any:
        """A column of the rows of `entity` that the latest step before this one made."""
        return self._latest(entity)[column]

    def integer(self, column: str, low: int, high: int) -> Ints:
        """Integers from `low` to `high`, both included."""
        return self._below(column, high - low + 1) + low

    def choice(self, column: str, pool: Pool) -> Coded:
        """Texts from a pool, each as likely as any other."""
        return Coded(self._below(column, len(pool)), pool)

    def day(self, column: str, low: int, high: int) -> NDArray[Any]:
        """Days from `low` to `high` days after `as_of`, both included (negative: before)."""
        return self._as_of + self.integer(column, low, high).astype("timedelta64[D]")

    def instant(self, column: str, low: int, high: int) -> NDArray[Any]:
        """Instants (UTC, whole seconds) on the days from `low` to `high` days after `as_of`, both included."""
        second = self._below(f"{column}.second", 86_400).astype("timedelta64[s]")
        return self.day(column, low, high).astype("datetime64[s]") + second

    def text(self, template: str, *columns: Column) -> Joined:
        """Text put together from columns: `draw.text("{} FAKE_{}", numbers, names)`."""
        return Joined.format(template, *columns)

    def _ordinals(self) -> Ints:
        """The numbers of these rows among all rows of the entity that the plan makes, whichever step makes them."""
        rows = np.arange(self._rows.start, self._rows.stop, self._rows.step, dtype=np.int64)
        return rows * self._repeats + self._repeat

    def _below(self, column: str, bound: int) -> Ints:
        return self._source.below(bound, f"{self._stream}.{column}", self._rows)

    def _latest(self, entity: str) -> Table:
        tables = self._made.get(entity)
        if not tables:
            made = ", ".join(name for name, steps in self._made.items() if steps)
            raise GeneratorFailed(
                f"the generator of {self._entity} refers to {entity}, which no earlier step made; put a step that "
                f"makes {entity} before it (made so far: {made or 'nothing'})"
            )
        return tables[-1]
