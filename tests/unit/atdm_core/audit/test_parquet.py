"""Trails as Parquet files."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atdm_core.audit import Part, Trail, decode_entries, encode_entries
from atdm_core.errors import TrailBroken
from atdm_core.parquet import encode_rows
from tests.unit.atdm_core.audit.trails import a_trail


def stored(data: bytes) -> pa.Table:
    """What any reader of Parquet sees."""
    return pq.read_table(pa.BufferReader(data))


def written(rows: list[dict[str, Any]], schema: pa.Schema) -> bytes:
    """A file of these rows, sealed by a forger."""
    return encode_rows(rows, schema.remove_metadata())


def test_entries_survive_the_round_trip() -> None:
    """Entries read back byte by byte, and the chain still holds."""
    trail = a_trail()
    entries = decode_entries(encode_entries(trail.entries))
    assert entries == trail.entries
    assert Trail.of_parts("run", [Part("run", 0, entries)]).head == trail.head


def test_the_same_entries_make_the_same_file() -> None:
    """A write that is repeated after a lost answer can be recognised, as its bytes are the same."""
    entries = a_trail().entries
    assert encode_entries(entries) == encode_entries(entries)


def test_no_entries_are_a_file_too() -> None:
    """A file without entries reads back as none."""
    assert decode_entries(encode_entries(())) == ()


def test_any_reader_sees_the_events() -> None:
    """The columns tell run, place, time, action, status and invoker to a reader that knows nothing of the chain."""
    trail = a_trail()
    rows = stored(encode_entries(trail.entries)).to_pylist()
    assert [row["action"] for row in rows] == ["request_received", "catalog_recorded"]
    assert [row["timestamp"] for row in rows] == [event.timestamp for event in trail.events]
    assert {(row["test_run_id"], row["invoker"], row["status"]) for row in rows} == {("run", "human:ann", "ok")}


def test_no_flipped_byte_goes_unnoticed() -> None:
    """Whichever byte of the stored file is changed, the trail is broken."""
    data = encode_entries(a_trail("one").entries)
    for i in range(len(data)):
        with pytest.raises(TrailBroken):
            decode_entries(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])


@pytest.mark.parametrize(
    ("column", "value"),
    [("action", "seed_completed"), ("status", "failed"), ("invoker", "human:bob"), ("test_run_id", "other")],
)
def test_columns_must_say_what_the_body_says(column: str, value: str) -> None:
    """A column that was edited beside an untouched body is detected, since readers of the bare file trust it."""
    data = encode_entries(a_trail().entries)
    rows = stored(data).to_pylist()
    rows[0][column] = value
    with pytest.raises(TrailBroken, match="the columns of a trail do not say what its events say"):
        decode_entries(written(rows, stored(data).schema))


@pytest.mark.parametrize("column", ["body", "seq", "hash"])
def test_null_and_missing_columns_are_broken(column: str) -> None:
    """A file whose column is null or missing is a broken trail, no other error."""
    table = stored(encode_entries(a_trail().entries))
    rows = table.to_pylist()
    rows[0][column] = None
    with pytest.raises(TrailBroken):
        Trail.of_parts("run", [Part("run", 0, decode_entries(written(rows, table.schema)))])
    with pytest.raises(TrailBroken):
        decode_entries(written(rows, table.drop_columns([column]).schema))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not parquet at all", b"PAR1" * 10])
def test_other_files_are_broken_trails(data: bytes) -> None:
    """A file that is no Parquet is a broken trail."""
    with pytest.raises(TrailBroken, match="not a readable trail"):
        decode_entries(data)
