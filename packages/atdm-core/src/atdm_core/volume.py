"""Volumes: a mixture of scenarios, many times over, in shards that each can be made alone.

Every row of a volume has a number, and all else is a function of it: the scenario that it belongs to, its values (with
the seed) and its key (with the run's id). So a shard needs no other shard, and it does not matter who makes it, when,
or how often.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct

from atdm_core.draw import LARGEST_SEED
from atdm_core.errors import InvalidRequest, ValidatorRejected
from atdm_core.pack import Pack, generate, judge
from atdm_core.values import Bundle, Plan

__all__ = ["LARGEST_COUNT", "Shard", "Volume", "bundles_of", "counts_of", "shards_of"]

LARGEST_COUNT: Final = 2**40  # bundles
_BLOCK: Final = 50_000  # bundles made at once: few enough that their columns stay in the processor's caches


class Volume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a volume is a function of. `mix` gives each scenario its weight, `count` and `shard_size` are bundles."""

    domain: str
    pack_version: str
    mix: Mapping[str, Annotated[int, Meta(ge=1)]]
    count: Annotated[int, Meta(ge=1, le=LARGEST_COUNT)]
    shard_size: Annotated[int, Meta(ge=1)]
    seed: Annotated[int, Meta(ge=0, le=LARGEST_SEED)]
    as_of: date
    run_id: str


class Shard(Struct, frozen=True):
    """One of a volume's pieces: the numbers of its rows, for each scenario of the mixture in order."""

    number: int
    rows: tuple[range, ...]

    @property
    def count(self) -> int:
        """How many bundles it has."""
        return sum(map(len, self.rows))


def counts_of(volume: Volume) -> list[int]:
    """How many bundles each scenario gets: exactly its share, and where that is a fraction, the next integer or less.

    What is left by rounding down goes to the largest remainders (Hamilton's method), earlier scenarios first.
    """
    whole = sum(volume.mix.values())
    shares = [divmod(volume.count * weight, whole) for weight in volume.mix.values()]
    left = volume.count - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(shares)), key=lambda i: -shares[i][1])
    return [share + (i in by_remainder[:left]) for i, (share, _) in enumerate(shares)]


def shards_of(volume: Volume, pack: Pack) -> list[Shard]:
    """The shards of a volume, each with its part of every scenario. `InvalidRequest` when `pack` is not the volume's.

    Scenarios own intervals of numbers, one after the other. A scenario that makes several rows of an entity uses as
    many ordinals for each number, so where one does, the intervals keep that distance, and no two keys are the same.
    """
    if (pack.name, pack.version) != (volume.domain, volume.pack_version):
        raise InvalidRequest(
            f"the volume is of {volume.domain} {volume.pack_version}, here is {pack.name} {pack.version}: "
            "install that version, or make a new volume elsewhere"
        )
    counts = counts_of(volume)
    distance = max(_most_repeats(pack, scenario) for scenario in volume.mix)
    starts = [0]
    for count in counts[:-1]:
        starts.append((starts[-1] + count) * distance)
    pieces = -(-volume.count // volume.shard_size)
    return [
        Shard(
            number,
            tuple(
                range(start + count * number // pieces, start + count * (number + 1) // pieces)
                for start, count in zip(starts, counts, strict=True)
            ),
        )
        for number in range(pieces)
    ]


def bundles_of(volume: Volume, pack: Pack, shard: Shard) -> Iterator[Bundle]:
    """The bundles of a shard, generated and validated, block by block; `ValidatorRejected` at the first that fails."""
    for scenario, rows in zip(volume.mix, shard.rows, strict=True):
        plan = pack.plan(scenario, {}, seed=volume.seed, as_of=volume.as_of)
        for start in range(rows.start, rows.stop, _BLOCK):
            block = range(start, min(start + _BLOCK, rows.stop))
            bundle = generate(pack, plan, volume.run_id, rows=block)
            _require_valid(pack, plan, bundle, block)
            yield bundle


def _require_valid(pack: Pack, plan: Plan, bundle: Bundle, block: range) -> None:
    broken = [finding for finding in judge(pack, plan, bundle) if not finding.ok]
    if broken:
        raise ValidatorRejected(
            f"{plan.scenario_id}, rows {block.start} to {block.stop - 1}: {broken[0].message} ({broken[0].validator})",
            findings=broken,
        )


def _most_repeats(pack: Pack, scenario: str) -> int:
    made = [pack.generators[step.generator].entity for step in pack.scenario(scenario).generators]
    return max(map(made.count, made))
