"""Rows of others that refer to the rows to delete: found through the foreign keys, from row to row."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from target_healthcare.database import Connection
from target_healthcare.removals import KEYS_TOLD, find_references_to_places, find_references_to_run
from target_healthcare.schema import ForeignKey, Schema, Table

Key: TypeAlias = dict[str, Any]

_KEEPS_THE_ROW: Final = frozenset({"set null", "set default"})


class ResidueRow(msgspec.Struct, frozen=True):
    """A row of no run, or of another, that refers to a row of the run; `deleted` tells whether it went with it."""

    table: str
    key: Key
    reason: Literal["references"]
    deleted: bool


class Place(NamedTuple):
    """Where a row lies: its table, that table's OID (of a partition, its own), and its `ctid`."""

    table: str
    oid: int
    ctid: str


Rows: TypeAlias = dict[Place, str]
"""Rows by place, each with its key as JSON."""


class Residue:
    """What was found: rows to `delete` as well, rows that stay but are `changed`, and rows `of_other_runs`."""

    def __init__(self) -> None:
        self.delete: Rows = {}
        self.changed: Rows = {}
        self.of_other_runs: Rows = {}

    def places(self, table: Table) -> tuple[list[int], list[str]]:
        """The rows of a table to delete, as OIDs and `ctid`s."""
        return _columns(place for place in self.delete if place.table == table.name)

    def told(self) -> list[ResidueRow]:
        """What a deletion reports."""
        changed = {place: key for place, key in self.changed.items() if place not in self.delete}
        return [*_told(self.delete, deleted=True), *_told(changed, deleted=False)]

    def told_of_other_runs(self) -> list[ResidueRow]:
        """What stands in the way of a deletion."""
        return _told(self.of_other_runs, deleted=False)


class Reference:
    """A foreign key of the schema, with the statements that follow it from its parent to its children."""

    def __init__(self, key: ForeignKey, child: Table, parent: Table, *, of_all: bool) -> None:
        self.key = key
        self.child = child
        self.parent = parent
        self.to_places = find_references_to_places(key, child, parent)
        self.to_run = find_references_to_run(key, child, parent, of_all=of_all) if parent.takes_runs else None

    def run_ids(self, run_id: str | None) -> list[str | None]:
        """The parameters of a statement that compares parent and child with the run."""
        return [run_id] * (2 if self.child.takes_runs else 1)


class ResidueSearch:
    """Finds what refers to the rows of a run, or of all runs."""

    def __init__(self, schema: Schema, *, of_all: bool = False) -> None:
        self.references = [
            Reference(key, child, schema.by_name[key.references], of_all=of_all)
            for child in schema.tables
            for key in child.foreign_keys
            if key.references in schema.by_name and key.referenced_columns
        ]
        self._of_all = of_all

    async def find(self, connection: Connection, run_id: str | None) -> Residue:
        """Find and lock it, in a transaction that has locked the rows of the run; a null id for all runs."""
        residue = Residue()
        latest: set[Place] = set()
        for reference in self.references:
            if reference.to_run is not None:
                cursor = await connection.execute(reference.to_run, reference.run_ids(run_id))
                latest |= self._sort(reference, await cursor.fetchall(), run_id, residue)
        while latest:
            by_table: Mapping[str, list[Place]] = defaultdict(list)
            for place in latest:
                by_table[place.table].append(place)
            latest = set()
            for reference in self.references:
                if reference.parent.name in by_table:
                    parents = _columns(by_table[reference.parent.name])
                    cursor = await connection.execute(reference.to_places, parents)
                    latest |= self._sort(reference, await cursor.fetchall(), run_id, residue)
        return residue

    def _sort(
        self, reference: Reference, rows: Iterable[tuple[Any, ...]], run_id: str | None, residue: Residue
    ) -> set[Place]:
        """Put rows where they belong; returns those that are to be deleted too and were not known yet."""
        latest: set[Place] = set()
        for oid, ctid, owner, key in rows:
            place = Place(reference.child.name, oid, ctid)
            if owner is not None and (self._of_all or owner == run_id):
                continue
            if owner is not None:
                residue.of_other_runs[place] = key
            elif reference.key.on_delete in _KEEPS_THE_ROW:
                residue.changed[place] = key
            elif place not in residue.delete:
                residue.delete[place] = key
                latest.add(place)
        return latest


def _columns(places: Iterable[Place]) -> tuple[list[int], list[str]]:
    listed = list(places)
    return [place.oid for place in listed], [place.ctid for place in listed]


def _told(rows: Rows, *, deleted: bool) -> list[ResidueRow]:
    """At most `KEYS_TOLD` rows of each table."""
    told: Counter[str] = Counter()
    answer: list[ResidueRow] = []
    for place, key in rows.items():
        told[place.table] += 1
        if told[place.table] <= KEYS_TOLD:
            answer.append(ResidueRow(place.table, msgspec.json.decode(key, type=Key), "references", deleted))
    return answer
