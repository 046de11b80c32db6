"""Values of a stream as COPY and JSON want them."""

import json

import pyarrow as pa
import pytest

from target_healthcare.baseline import Column
from target_healthcare.volume_values import json_rows, with_array_literals

COLUMNS = {name: Column(name, kind) for name, kind in (("tags", "text[]"), ("part", "jsonb"), ("name", "text"))}


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("[]", "{}"),
        (' ["a", "b c"]', '{"a","b c"}'),
        ('["say \\"x\\", \\\\", null]', '{"say \\"x\\", \\\\",NULL}'),
        ("[[1, 2], [3, 4]]", '{{"1","2"},{"3","4"}}'),
        ('[true, 1.5, {"a": 1}]', '{"true","1.5","{\\"a\\":1}"}'),
        ("{a,b}", "{a,b}"),
        ("[0:1]={a,b}", "[0:1]={a,b}"),
        ("[nothing", "[nothing"),
        (None, None),
    ],
)
def test_json_arrays_become_literals(text: str | None, literal: str | None) -> None:
    """A JSON array is written as PostgreSQL reads arrays; what is one of its own stays."""
    batch = pa.record_batch({"tags": pa.array([text], pa.string()), "name": ["[]"]})
    assert with_array_literals(batch, COLUMNS).to_pylist() == [{"tags": literal, "name": "[]"}]
    coded = pa.record_batch({"tags": pa.array([text, text], pa.string()).dictionary_encode()})
    assert with_array_literals(coded, COLUMNS).column(0).to_pylist() == [literal, literal]


def test_texts_of_json_are_json() -> None:
    """Beside plain texts, those for JSON and for arrays stand as they are in the rows of an insert."""
    batch = pa.record_batch(
        {"tags": ["[1]", "{a}", None], "part": ['{"a": [1]}', "null", None], "name": ["[]", "x", ""]}
    )
    assert json.loads(json_rows(batch, COLUMNS)) == [
        {"tags": [1], "part": {"a": [1]}, "name": "[]"},
        {"tags": "{a}", "part": None, "name": "x"},
        {"tags": None, "part": None, "name": ""},
    ]
