"""A bundle as it arrives: read from JSON and checked against the schema before the database sees it."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from target_healthcare.errors import InvalidRequest, InvalidValue, UnknownColumn, UnknownTable
from target_healthcare.schema import RUN_COLUMN, Schema, Table

_TEN_YEARS = 315_360_000
# The lookahead closes what `$` leaves open: it also matches before a line end.
RUN_ID_FORM = r"^(?!\.)[A-Za-z0-9._-]{1,128}(?!\n)$"

RunId: TypeAlias = Annotated[str, msgspec.Meta(pattern=RUN_ID_FORM)]
"""1 to 128 letters, digits, dots, underscores or hyphens, not beginning with a dot."""
TimeToLive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_TEN_YEARS)]
BundleSha: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]

RowList: TypeAlias = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "array", "items": {"type": "object"}})
]
Row: TypeAlias = dict[str, msgspec.Raw]


class SeedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a seed. The rows stay JSON text: PostgreSQL is the one to turn them into typed values."""

    bundle_sha: BundleSha
    tables: dict[str, RowList]
    ttl_seconds: TimeToLive | None = None


class ExtendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an extension: how long the run shall live from now."""

    ttl_seconds: TimeToLive


class TableRows(msgspec.Struct, frozen=True):
    """The checked rows of one table: `rows` is a JSON array of `count` objects, all with `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: str
    count: int


_seed_decoder = msgspec.json.Decoder(SeedRequest)
_rows_decoder = msgspec.json.Decoder(list[Row])


def read_seed(body: bytes) -> SeedRequest:
    """Read a seed from JSON; raises `InvalidRequest` that says where it is wrong."""
    try:
        return _seed_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no seed: {error}") from error


def read_rows(schema: Schema, run_id: str, tables: Mapping[str, msgspec.Raw]) -> list[TableRows]:
    """Check the rows of a bundle and put their tables into insert order; tables without rows are left out.

    Raises `UnknownTable`, `UnknownColumn`, `InvalidValue` (a row that is not this run's) or `InvalidRequest`.
    """
    for name in tables:
        if name not in schema.by_name or not schema.by_name[name].takes_runs:
            known = [table.name for table in schema.run_tables]
            raise UnknownTable(
                f"no table '{name}' takes rows of runs; known: {', '.join(known)}", table=name, tables=known
            )
    checked = (_check_table(table, run_id, tables[table.name]) for table in schema.tables if table.name in tables)
    return [rows for rows in checked if rows.count]


def _check_table(table: Table, run_id: str, text: msgspec.Raw) -> TableRows:
    try:
        rows = _rows_decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"table '{table.name}' is no list of objects: {error}", table=table.name) from error
    if not rows:
        return TableRows(table.name, (), "[]", 0)
    columns = rows[0].keys()
    for name in columns:
        if name not in table.column_names:
            known = ", ".join(table.column_names)
            raise UnknownColumn(
                f"table '{table.name}' has no column '{name}'; it has {known}", table=table.name, column=name
            )
    for index, row in enumerate(rows):
        if row.keys() != columns:
            raise InvalidRequest(
                f"row {index} of '{table.name}' has other columns than row 0; give every row the same",
                table=table.name,
            )
        if table.run_column is not None:
            _check_run(table, run_id, index, row)
    ordered = tuple(name for name in table.column_names if name in columns)
    return TableRows(table.name, ordered, bytes(text).decode(), len(rows))


def _check_run(table: Table, run_id: str, index: int, row: Row) -> None:
    if RUN_COLUMN not in row or msgspec.json.decode(row[RUN_COLUMN]) != run_id:
        raise InvalidValue(
            f"row {index} of '{table.name}' does not carry the run's id; set '{RUN_COLUMN}' to '{run_id}'",
            table=table.name,
            column=RUN_COLUMN,
        )
