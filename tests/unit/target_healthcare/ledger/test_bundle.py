import json

import msgspec
import pytest

from target_healthcare.errors import InvalidRequest, InvalidValue, TargetError, UnknownColumn, UnknownTable
from target_healthcare.ledger import TableRows, read_rows, read_seed
from target_healthcare.migrations import Migration
from target_healthcare.schema import read_schema
from tests.unit.target_healthcare.bundles import SHA

SCHEMA = read_schema(
    [
        Migration(
            1,
            "0001_t.sql",
            b"CREATE TABLE kid (id text, parent text REFERENCES parent, test_run_id text);"
            b"CREATE TABLE parent (id text PRIMARY KEY, test_run_id text NOT NULL); CREATE TABLE shared (id text)",
        )
    ]
)


def rows_of(**tables: object) -> list[TableRows]:
    """Check tables for the run `r`."""
    return read_rows(SCHEMA, "r", {name: msgspec.Raw(json.dumps(rows).encode()) for name, rows in tables.items()})


def test_tables_come_in_insert_order_with_their_text_untouched() -> None:
    """Parents first, the JSON text as it was sent, the columns in their declared order."""
    text = b'[ {"test_run_id":"r", "id":1.10} ]'

    found = read_rows(SCHEMA, "r", {"kid": msgspec.Raw(text), "parent": msgspec.Raw(text)})

    assert [part.table for part in found] == ["parent", "kid"]
    assert found[0] == TableRows("parent", ("id", "test_run_id"), text.decode(), 1)


def test_a_table_without_rows_is_left_out() -> None:
    """An empty list is allowed and writes nothing."""
    assert rows_of(kid=[]) == []


@pytest.mark.parametrize(
    ("tables", "refusal", "words"),
    [
        ({"nope": []}, UnknownTable, "known: parent, kid"),
        ({"shared": [{"id": "1"}]}, UnknownTable, "no table 'shared' takes rows of runs"),
        ({"kid": [{"nope": 1, "test_run_id": "r"}]}, UnknownColumn, "no column 'nope'; it has id, parent, test_run_id"),
        ({"kid": [{"id": 1, "test_run_id": "other"}]}, InvalidValue, "row 0 of 'kid' does not carry the run's id"),
        ({"kid": [{"id": 1, "test_run_id": None}]}, InvalidValue, "set 'test_run_id' to 'r'"),
        ({"kid": [{"id": 1}]}, InvalidValue, "set 'test_run_id' to 'r'"),
        (
            {"kid": [{"id": 1, "test_run_id": "r"}, {"test_run_id": "r"}]},
            InvalidRequest,
            "row 1 of 'kid' has other columns than row 0",
        ),
        ({"kid": {"id": 1}}, InvalidRequest, "table 'kid' is no list of objects"),
        ({"kid": [1]}, InvalidRequest, "table 'kid' is no list of objects"),
    ],
)
def test_rows_that_cannot_be_this_run_s_are_refused(
    tables: dict[str, object], refusal: type[TargetError], words: str
) -> None:
    """Unknown names, other runs' rows and uneven rows are refused before the database is asked."""
    with pytest.raises(refusal) as caught:
        rows_of(**tables)

    assert words in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"bundle_sha": "short", "tables": {}}',
        b'{"bundle_sha": "' + SHA.encode() + b'\\n", "tables": {}}',
        b'{"bundle_sha": "' + SHA.encode() + b'", "tables": []}',
        b'{"bundle_sha": "' + SHA.encode() + b'", "tables": {}, "ttl_seconds": 0}',
        b'{"bundle_sha": "' + SHA.encode() + b'", "tables": {}, "more": 1}',
        b'{"bundle_sha": "' + SHA.encode() + b'", "tables": {"t": ' + b"[" * 100_000 + b"}}",
    ],
)
def test_a_body_that_is_no_seed_is_refused(body: bytes) -> None:
    """Anything but a seed is an invalid request, however broken."""
    with pytest.raises(InvalidRequest):
        read_seed(body)


def test_deep_rows_are_refused() -> None:
    """Rows nested beyond measure are an invalid request, not a crash."""
    deep = msgspec.Raw(b"[" * 100_000 + b"]" * 100_000)

    with pytest.raises(InvalidRequest):
        read_rows(SCHEMA, "r", {"kid": deep})
