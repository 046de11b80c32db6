"""Hypothesis strategies: the generators of a pack, with Hypothesis in the place of the seed.

It comes with the extra `atdm-core[hypothesis]`.

    @given(bundles("healthcare", "claim_denial_active_member", claim_status=...))
    def test_something(bundle): ...

A pack is named as it is installed, or given. A constraint may be a value, a strategy of values, or `...` for any that
is allowed. Constraints that neither the call nor the scenario sets are free: those with a list of allowed values are
drawn from it too. Everything shrinks: constraints to the first allowed value, columns to their lowest or first.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import EllipsisType
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from msgspec import structs

from atdm_core.columns import Ints
from atdm_core.constraint import Constraint, check_constraints
from atdm_core.draw import LARGEST_SEED
from atdm_core.errors import InvalidRequest
from atdm_core.pack import Pack, generate
from atdm_core.registry import Registry
from atdm_core.values import Bundle, ConstraintValue, Plan, Request
from atdm_core.violation import FARTHEST, PROBE_DAY, Way, broken_rules, set_cell, ways_to_break

__all__ = ["DrawnBundle", "Search", "SearchedSource", "bundles", "constraints", "requests"]

RUN_ID: Final = "example"
FIRST_DAY: Final = date(2000, 1, 1)
DAYS: Final = (date(2099, 12, 31) - FIRST_DAY).days + 1
CHARACTERS: Final = range(0x10000, 0x110000)  # the longest stretch of Unicode without a gap, 2**20 characters
FEW: Final = 256  # characters of an alphabet of which Hypothesis takes all alike; of more it mostly takes the first
AMOUNTS: Final = st.integers(1, FARTHEST)

T = TypeVar("T")
Wanted: TypeAlias = ConstraintValue | EllipsisType | st.SearchStrategy[Any]
DrawValue: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


def _texts() -> list[st.SearchStrategy[str]]:
    """Texts of all characters, and of a few that are spread over all; of those many, so that the few differ."""
    step = len(CHARACTERS) // FEW
    dice = random.Random(0)  # noqa: S311 - any will do, if it is the same everywhere
    spread = ["".join(chr(start + dice.randrange(step)) for start in CHARACTERS[::step]) for _ in range(63)]
    alphabets = [st.characters(min_codepoint=CHARACTERS.start), *spread]
    return [st.text(alphabet, min_size=24, max_size=24) for alphabet in alphabets]


TEXTS: Final = _texts()


class Search:
    """One example of Hypothesis, which is asked for integers.

    They come as the characters of texts, many to one draw: a draw is what costs Hypothesis time, and each character of
    a text shrinks by itself, as an integer would. Where it stands among all characters is where the integer stands
    below its bound.

    Of a large alphabet Hypothesis mostly takes the first characters, so a text is usually of a small one that is spread
    over it. When that choice shrinks to the large one, the text stays what it is, and then shrinks to any character.
    """

    def __init__(self, draw: DrawValue) -> None:
        self.draw = draw
        self._texts: st.SearchStrategy[str] | None = None
        self._left: Iterator[str] = iter(())

    def below(self, bound: int) -> int:
        """An integer in [0, bound), which shrinks to 0."""
        if bound > len(CHARACTERS):  # likewise: it begins somewhere, and when that shrinks to 0, the integer stays
            begin = bound * self.below(FEW) // FEW
            return self.draw(st.integers(begin, bound - 1))
        character = next(self._left, None)
        if character is None:
            self._left = iter(self._text())
            character = next(self._left)
        return (ord(character) - CHARACTERS.start) * bound // len(CHARACTERS)

    def _text(self) -> str:
        if self._texts is None:
            which: int = self.draw(st.integers(0, len(TEXTS) - 1))
            self._texts = TEXTS[which]
        return self.draw(self._texts)


class SearchedSource:
    """Lets Hypothesis answer, so that what a generator makes can be searched and shrunk; `answers` are all it said."""

    def __init__(self, search: Search) -> None:
        self.answers: list[int] = []
        self._search = search

    def below(self, bound: int, stream: str, rows: range) -> Ints:  # noqa: ARG002 - the protocol's signature
        """See `Source.below`."""
        answers = [self._search.below(bound) for _ in rows]
        self.answers += answers
        return np.array(answers, dtype=np.int64)


class DrawnBundle(Bundle, frozen=True, kw_only=True):
    """A bundle that Hypothesis drew: its plan, and the constraints it was asked for with.

    The plan's seed is all that was drawn, so it makes the same values anywhere. A bundle that was wanted `violating` a
    rule may have one cell that was `changed` afterwards.
    """

    plan: Plan
    constraints: Mapping[str, ConstraintValue]
    violating: str | None = None
    changed: str | None = None

    def request(self) -> Request:
        """The request for these values; `InvalidRequest` where a rule is broken, as no server would seed them."""
        if self.violating:
            raise InvalidRequest(
                f"a bundle that breaks {self.violating} cannot be seeded: draw without `violating`, "
                "or test what the system says of such data without a server"
            )
        plan = self.plan
        return Request(plan.scenario_id, plan.domain, dict(self.constraints), plan.seed, as_of=plan.as_of)

    def __repr__(self) -> str:
        """Every row, one to a line: what a falsifying example shows."""
        said = "".join(f", {name}={value!r}" for name, value in self.constraints.items())
        lines = [f"bundle({self.plan.domain!r}, {self.plan.scenario_id!r}, as_of={self.plan.as_of}{said})"]
        for name, table in self.whole().items():
            for row in table.rows():
                cells = (
                    f"{column}={_shown(cell)}" for column, cell in row.items() if column != table.entity.run_column
                )
                lines.append(f"    {name}: {', '.join(cells)}")
        if self.changed:
            lines.append(f"    changed: {self.changed}")
        return "\n".join(lines)


def constraints(
    pack: str | Pack, scenario: str | None = None, **wanted: Wanted
) -> st.SearchStrategy[dict[str, ConstraintValue]]:
    """What requests could set: `wanted`, and a value for every free constraint. Without a scenario all are free.

    Validators may still refuse the combination. Raises `UnknownConstraint` or `InvalidConstraint` for a fixed value.
    """
    pack = _pack(pack)
    asked, free = _split(pack, scenario, wanted)
    return _composite(lambda search: {**asked.drawn(search), **free.drawn(search)})


def requests(
    pack: str | Pack, scenario: str | None = None, *, as_of: date | None = None, **wanted: Wanted
) -> st.SearchStrategy[Request]:
    """Requests that the validators accept, of one scenario or of any, each with a seed: what a server can be sent.

    `as_of` is the day they say; None lets the server take its own.
    """
    pack = _pack(pack)
    if scenario is None:
        return st.one_of([requests(pack, each, as_of=as_of, **wanted) for each in pack.scenarios])
    asked, free = _split(pack, scenario, wanted)

    def request(search: Search) -> Request:
        seed = search.below(LARGEST_SEED + 1)
        chosen, rest = asked.drawn(search), free.drawn(search)

        def accepted(values: dict[str, ConstraintValue]) -> Request | None:
            plan = pack.plan(scenario, values, seed=seed, as_of=as_of or PROBE_DAY)
            broken = broken_rules(pack, plan, generate(pack, plan, RUN_ID))
            return None if broken else Request(scenario, pack.name, values, seed, as_of=as_of)

        return _first(accepted, chosen, rest)

    return _composite(request)


def bundles(
    pack: str | Pack,
    scenario: str | None = None,
    *,
    violating: str | None = None,
    as_of: date | st.SearchStrategy[date] | EllipsisType = ...,
    **wanted: Wanted,
) -> st.SearchStrategy[DrawnBundle]:
    """Bundles of one scenario, or of any, that its validators accept, or that break exactly the one named `violating`.

    `as_of`: `...` is any day of this century. Raises `InvalidRequest` when the pack has no such validator, or nothing
    was found that breaks it alone.
    """
    pack = _pack(pack)
    if scenario is None:
        return _of_any_scenario(pack, violating, as_of, wanted)
    asked, free = _split(pack, scenario, wanted)
    ways = [Way()] if violating is None else _ways(pack, scenario, violating, wanted)
    rules = [] if violating is None else [violating]

    def bundle(search: Search) -> DrawnBundle:
        way = ways[search.below(len(ways))]
        day = _day(search, as_of)
        chosen, rest = asked.drawn(search), free.drawn(search)

        def drawn(values: dict[str, ConstraintValue]) -> DrawnBundle | None:
            plan = pack.plan(scenario, values, seed=0, as_of=day)
            source = SearchedSource(search)
            made = _changed(search, way, generate(pack, plan, RUN_ID, source=source))
            if broken_rules(pack, plan, made, rules) != rules:
                return None
            return DrawnBundle(
                made.run_id,
                made.tables,
                plan=structs.replace(plan, seed=tuple(source.answers)),
                constraints=values,
                violating=violating,
                changed=str(way.cell) if way.cell else None,
            )

        return _first(drawn, {**chosen, **way.constraints}, {**rest, **way.constraints})

    return _composite(bundle)


def _pack(pack: str | Pack) -> Pack:
    return _installed(pack) if isinstance(pack, str) else pack


@lru_cache
def _installed(name: str) -> Pack:
    return Registry().pack(name)


def _composite(function: Callable[[Search], T]) -> st.SearchStrategy[T]:
    @st.composite
    def composed(draw: st.DrawFn) -> T:
        return function(Search(draw))

    return composed()


def _day(search: Search, as_of: date | st.SearchStrategy[date] | EllipsisType) -> date:
    match as_of:
        case date():
            return as_of
        case EllipsisType():
            return FIRST_DAY + timedelta(days=search.below(DAYS))
        case _:
            return search.draw(as_of)


class _Choices:
    """Constraints, each settled or to be drawn. What is settled costs no draw."""

    def __init__(self, wanted: Mapping[str, Wanted], known: Mapping[str, Constraint]) -> None:
        self._settled = _fixed(wanted)
        self._open = {name: _values(value, known[name]) for name, value in wanted.items() if name not in self._settled}

    def drawn(self, search: Search) -> dict[str, ConstraintValue]:
        """A value for each."""
        chosen = dict(self._settled)
        for name, values in self._open.items():
            chosen[name] = values[search.below(len(values))] if isinstance(values, tuple) else search.draw(values)
        return chosen


def _split(pack: Pack, scenario: str | None, wanted: Mapping[str, Wanted]) -> tuple[_Choices, _Choices]:
    """The wanted constraints, and those that are free."""
    check_constraints(pack.constraints, _fixed(wanted), domain=pack.name)
    unknown = {name: None for name in wanted if name not in pack.constraints}
    check_constraints(pack.constraints, unknown, domain=pack.name)
    settled = set(pack.scenario(scenario).default_constraints) if scenario else set[str]()
    # What a constraint without a list may be is known by its author alone; free, it keeps its default.
    free = {
        name: ...
        for name, constraint in pack.constraints.items()
        if name not in wanted and name not in settled and constraint.allowed is not None
    }
    return _Choices(wanted, pack.constraints), _Choices(free, pack.constraints)


def _fixed(wanted: Mapping[str, Wanted]) -> dict[str, ConstraintValue]:
    return {name: value for name, value in wanted.items() if not isinstance(value, (EllipsisType, st.SearchStrategy))}


def _values(wanted: Wanted, constraint: Constraint) -> st.SearchStrategy[Any] | tuple[ConstraintValue, ...]:
    if isinstance(wanted, st.SearchStrategy):
        return wanted
    if constraint.allowed is not None:
        return constraint.allowed
    match constraint.type:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(-(2**31), 2**31 - 1)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False, width=32)
        case _:
            return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def _first(
    make: Callable[[dict[str, ConstraintValue]], T | None],
    asked: dict[str, ConstraintValue],
    free: dict[str, ConstraintValue],
) -> T:
    """What is made with the free constraints as drawn, else with their defaults; else the example is rejected."""
    for values in [{**asked, **free}, asked] if free else [asked]:
        made = make(values)
        if made is not None:
            return made
    return reject()


def _ways(pack: Pack, scenario: str, rule: str, wanted: Mapping[str, Wanted]) -> list[Way]:
    if rule not in pack.validators:
        raise InvalidRequest(f"{pack.name} has no validator {rule!r}; it has: {', '.join(pack.validators) or 'none'}")
    settled = pack.resolve(pack.scenario(scenario), _fixed(wanted))
    kept = {name: settled[name] for name, value in wanted.items() if not isinstance(value, EllipsisType)}
    ways = list(ways_to_break(pack, scenario, rule, kept))
    if not ways:
        raise InvalidRequest(
            f"no bundle of {scenario} was found that breaks {rule} alone; "
            "set fewer constraints, or take another scenario"
        )
    return ways


def _changed(search: Search, way: Way, bundle: Bundle) -> Bundle:
    if way.cell is None:
        return bundle
    return set_cell(bundle, way.cell, by=search.draw(AMOUNTS) if way.cell.direction else 0)


def _of_any_scenario(
    pack: Pack,
    violating: str | None,
    as_of: date | st.SearchStrategy[date] | EllipsisType,
    wanted: Mapping[str, Wanted],
) -> st.SearchStrategy[DrawnBundle]:
    found: list[st.SearchStrategy[DrawnBundle]] = []
    refusal: InvalidRequest | None = None
    for scenario in pack.scenarios:
        try:
            found.append(bundles(pack, scenario, violating=violating, as_of=as_of, **wanted))
        except InvalidRequest as error:  # another scenario may do
            refusal = error
    if not found and refusal:
        raise refusal
    return st.one_of(found)


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else repr(value)
