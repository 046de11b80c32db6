"""Tables."""

import numpy as np

from atdm_core import Entity, Json, Key, Keys, Pool, Table
from atdm_core.columns import Coded, values
from tests.unit.atdm_core.shop import make_bundle


def test_rows_have_the_entity_s_columns_in_order() -> None:
    """A row names the entity's columns in its order, then the run."""
    (row,) = make_bundle().tables["customer"][0].rows()
    assert list(row) == ["customer_id", "name", "street", "tier", "born", "country", "test_run_id"]
    assert row["customer_id"] == "c-run"
    assert row["test_run_id"] == "run"


def test_documents_are_decoded() -> None:
    """A column of JSON holds texts, and a row has the document itself."""
    entity = Entity(name="note", key="id", columns={"id": Key(), "tags": Json(nullable=True)}, run_column=None)
    texts = Coded(np.arange(3), Pool(('["FAKE_a"]', '{"n": 1}', None)))
    rows = Table(entity, {"id": Keys("note-run", np.arange(3)), "tags": texts}).rows()
    assert [row["tags"] for row in rows] == [["FAKE_a"], {"n": 1}, None]


def test_take_keeps_rows_whole() -> None:
    """Taking rows takes every column of them."""
    table = make_bundle(rows=5).tables["order"][0]
    rows = table.rows()
    assert table.take(np.array([4, 0])).rows() == [rows[4], rows[0]]
    assert len(table.take(np.array([], dtype=np.int64))) == 0


def test_joined_tables_hold_all_rows() -> None:
    """Tables of one entity join to one, whatever form their columns have."""
    tables = make_bundle("two_orders", rows=3).tables["order"]
    joined = Table.joined(tables)
    assert len(joined) == 6
    assert joined.rows() == [row for table in tables for row in table.rows()]
    assert Table.joined(tables[:1]) is tables[0]


def test_key_column() -> None:
    """The key column is that of the entity's key."""
    assert values(make_bundle(rows=2).tables["order"][0].key_column) == ["o-run", "o-run-1"]
