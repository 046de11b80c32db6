"""Bundles as Arrow tables."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from atdm_core import Bundle, Coded, Column, Entity, Joined, Key, Keys, Kind, Pool, Table
from atdm_core.volume_arrow import to_arrow
from tests.unit.atdm_core.shop import SHOP, make_bundle

ORDINALS = np.array([0, 7, 123_456_789_012])
CODES = np.array([1, 0, 1])
PLACES = Pool(("FAKE_Ä", "FAKE_B"))


def arrow_of(column: Column) -> Any:
    """The Arrow column that a column becomes."""
    entity = Entity(name="thing", key="id", columns={"id": Key(), "column": Kind()}, run_column=None)
    table = Table(entity, {"id": Keys("t", ORDINALS), "column": column})
    ((name, arrow),) = to_arrow(Bundle("R", {"thing": (table,)}))
    assert name == "thing"
    return arrow["column"]


@pytest.mark.parametrize(
    ("column", "kind", "rows"),
    [
        (Keys("c-R", ORDINALS), "string", ["c-R", "c-R-7", "c-R-123456789012"]),
        (Keys("c-R", ORDINALS[1:].repeat(2)[:3]), "string", ["c-R-7", "c-R-7", "c-R-123456789012"]),
        (Coded(CODES, PLACES), "dictionary", ["FAKE_B", "FAKE_Ä", "FAKE_B"]),
        (Coded(CODES, Pool((None, "x"))), "dictionary", ["x", None, "x"]),
        (Coded(CODES * 0, Pool((None,))), "dictionary", [None, None, None]),
        (Joined.format("{} {}", ORDINALS, Coded(CODES, PLACES)), "string", None),
        (Joined.format("{}-{}", Coded(CODES, Pool((None, "x"))), Keys("k", ORDINALS)), "string", None),
        (Joined.format("{}", np.array(["2026-07-04"] * 3, "datetime64[D]")), "string", None),
        (Joined.format("{}", np.array(["2026-07-04T01:02:03"] * 3, "datetime64[s]")), "string", None),
        (Joined.format("{}{}", np.array([0.1, 1e20, 2]), np.array([True, False, True])), "string", None),
        (Joined.format("<{}>", Joined.format("{}", Coded(CODES, PLACES))), "string", None),
        (np.array([1, 2, 3]), "int64", [1, 2, 3]),
        (np.array([0.5, np.nan, 2]), "double", [0.5, None, 2.0]),
        (np.array([True, False, True]), "bool", [True, False, True]),
        (np.array(["2026-07-04", "NaT", "0999-01-01"], "datetime64[D]"), "date32", None),
        (np.array(["2026-07-04T01:02:03", "NaT", "1969-01-01"], "datetime64[s]"), "timestamp[s, tz=UTC]", None),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_columns_keep_their_values(column: Column, kind: str, rows: list[object] | None) -> None:
    """Each kind of column has in Arrow the rows that it has in Python, nulls included."""
    arrow = arrow_of(column)
    known = Table(SHOP.entities["order"], {"column": column}).rows() if rows is None else [{"column": r} for r in rows]
    assert str(arrow.type).startswith(kind)
    assert [{"column": row} for row in arrow.to_pylist()] == known


def test_a_bundle_keeps_its_rows() -> None:
    """Every table of a bundle, those of repeated steps included, has in Arrow the rows that it has in Python."""
    bundle = make_bundle("two_orders", rows=40)
    made = [(name, table.to_pylist()) for name, table in to_arrow(bundle)]
    assert made == [(name, table.rows()) for name, tables in bundle.tables.items() for table in tables]


def test_days_and_instants_are_their_own() -> None:
    """A day is a date, and an instant knows that it is in UTC."""
    assert arrow_of(np.array(["2026-07-04"] * 3, "datetime64[D]")).to_pylist()[0] == date(2026, 7, 4)
    instant = arrow_of(np.array(["2026-07-04T01:02:03"] * 3, "datetime64[s]")).to_pylist()[0]
    assert instant == datetime(2026, 7, 4, 1, 2, 3, tzinfo=UTC)
