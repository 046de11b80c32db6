"""The groups of a stream, where the target makes keys or remembers whose the rows are: real keys for symbols, in Arrow.

A group is whole in memory before its first row is written, for a row may refer to one that comes after it; so the keys
of one group are all that is ever held.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from target_healthcare.errors import ConstraintViolated, InvalidRequest, InvalidValue
from target_healthcare.ledger import KeyColumn, Symbols
from target_healthcare.schema import Schema, Table
from target_healthcare.volume_values import texts_of

LARGEST_GROUP: Final = 1_000_000
"""Rows."""

_INTEGER: Final = r"^\s*[+-]?\d+\s*$"
_UUID: Final = r"(?i)^(urn:)?(uuid:)?\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"

KeyMaker: TypeAlias = Callable[[KeyColumn, int], pa.Array]
"""Has the database make so many keys for a column; as texts."""


class Part(NamedTuple):
    """A batch of a table; `has_made_keys` says that the target made values of its key."""

    table: Table
    batch: pa.RecordBatch
    has_made_keys: bool = False


def read_groups(batches: Iterable[tuple[int, str, pa.RecordBatch]], schema: Schema) -> Generator[list[Part]]:
    """The parts of each group, parents first. Raises `InvalidRequest` for a group that is too large."""
    order = {table.name: place for place, table in enumerate(schema.tables)}
    for _, group in groupby(batches, itemgetter(0)):
        parts: list[Part] = []
        rows = 0
        for _, name, batch in group:
            rows += batch.num_rows
            if rows > LARGEST_GROUP:
                raise InvalidRequest(
                    f"a group has more than {LARGEST_GROUP} rows, and all its keys would have to be held; "
                    "number the groups of rows that refer to one another",
                    table=name,
                )
            parts.append(Part(schema.by_name[name], batch))
        yield sorted(parts, key=lambda part: order[part.table.name])


class KeyResolver:
    """Puts real keys in the place of symbols, and makes those that the ledger needs and nobody sent."""

    def __init__(self, symbols: Symbols, make: KeyMaker) -> None:
        self._symbols = symbols
        self._make = make

    def resolve(self, parts: Sequence[Part]) -> list[Part]:
        """The same parts without a symbol. Raises `InvalidValue` where one names no row of the group."""
        made: dict[KeyColumn, tuple[pa.Array, pa.Array]] = {}
        for place, symbols in self._find(parts).items():
            made[place] = symbols, self._make(place, len(symbols))
        tables = {place.table for place in made}
        resolved = (self._resolve(part, made)._replace(has_made_keys=part.table.name in tables) for part in parts)
        return [self._with_own_keys(part) for part in resolved]

    def _find(self, parts: Iterable[Part]) -> dict[KeyColumn, pa.Array]:
        found: dict[KeyColumn, list[pa.Array]] = {}
        for table, batch, _ in parts:
            for column, place in self._symbols.places_in(table.name).items():
                if place == (table.name, column) and column in batch.schema.names:
                    texts = texts_of(batch.column(column))
                    if texts is not None:
                        symbols = texts.filter(self._are_symbols(texts, place))
                        found.setdefault(place, []).append(symbols)
        unique = {place: pa.concat_arrays(symbols).unique() for place, symbols in found.items()}
        return {place: symbols for place, symbols in unique.items() if len(symbols)}

    def _resolve(self, part: Part, made: dict[KeyColumn, tuple[pa.Array, pa.Array]]) -> Part:
        table, batch, _ = part
        for column, place in self._symbols.places_in(table.name).items():
            texts = texts_of(batch.column(column)) if column in batch.schema.names else None
            if texts is None:
                continue
            are_symbols = self._are_symbols(texts, place)
            symbols, keys = made.get(place, (pa.array([], pa.string()), pa.array([], pa.string())))
            indexes = pc.index_in(texts, value_set=symbols)
            missing = pc.and_(are_symbols, pc.is_null(indexes))
            if pc.any(missing).as_py():
                index = missing.index(True).as_py()
                raise InvalidValue(
                    f"row {index} of a batch of '{table.name}' refers to '{texts[index].as_py()}', which is no row of "
                    f"'{place.table}' in its group; send that row too, or give the key that it has",
                    table=table.name,
                    column=column,
                )
            real = texts if self._symbols.holds_uuids(place) else _plain_integers(texts)
            position = batch.schema.get_field_index(column)
            batch = batch.set_column(position, column, pc.if_else(are_symbols, keys.take(indexes), real))
        return part._replace(batch=batch)

    def _with_own_keys(self, part: Part) -> Part:
        """The ledger names a row by its key, so what the database would have made of it is made before."""
        table, batch, _ = part
        if table.run_column is not None:
            return part
        for column in table.columns:
            if column.name not in table.primary_key or column.name in batch.schema.names:
                continue
            place = KeyColumn(table.name, column.name)
            is_made = column.has_default or self._symbols.places_in(table.name).get(column.name) == place
            if not is_made:
                raise ConstraintViolated(
                    f"a batch of '{table.name}' comes without '{column.name}', which is of its key and has no default",
                    table=table.name,
                    column=column.name,
                )
            batch = batch.append_column(column.name, self._make(place, batch.num_rows))
            part = Part(table, batch, has_made_keys=True)
        return part

    def _are_symbols(self, texts: pa.Array, place: KeyColumn) -> pa.Array:
        are_real = pc.match_substring_regex(texts, _UUID if self._symbols.holds_uuids(place) else _INTEGER)
        return pc.fill_null(pc.invert(are_real), False)  # noqa: FBT003 - the name of the value would say as much


def _plain_integers(texts: pa.Array) -> pa.Array:
    """The forms that PostgreSQL reads and Arrow does not: with a plus, and with blanks around."""
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), r"^\+", "")
