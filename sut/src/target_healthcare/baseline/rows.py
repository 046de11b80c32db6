"""Rows between PostgreSQL's CSV and Arrow, so that every value comes back as it was.

Types that Arrow carries one to one are carried so. Any other value travels as the text in which PostgreSQL itself
writes and reads it (infinite dates, numeric to the last digit, JSON, arrays, bytes); the field's metadata names its
type. CSV tells null (nothing) from the empty text (quotes).
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import pyarrow as pa
from pyarrow import csv

from target_healthcare.errors import InvalidRequest

TYPE_KEY: Final = b"postgres_type"
"""The key of a field's metadata under which the type of its column stands."""

_SAME_IN_ARROW: Final[dict[str, pa.DataType]] = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
}


class Column(msgspec.Struct, frozen=True):
    """A column that COPY can read and write; `type` as PostgreSQL spells it."""

    name: str
    type: str


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The fields of a table's batches."""
    return pa.schema(
        [
            pa.field(column.name, _SAME_IN_ARROW.get(column.type, pa.string()), metadata={TYPE_KEY: column.type})
            for column in columns
        ]
    )


def read_csv(text: bytes | bytearray, schema: pa.Schema) -> pa.RecordBatch:
    """Turn rows as COPY writes them, at most 2 GB, into one batch."""
    if not text:
        return pa.RecordBatch.from_pylist([], schema=schema)
    table = csv.read_csv(
        pa.py_buffer(text),
        read_options=csv.ReadOptions(use_threads=False, column_names=schema.names, block_size=len(text) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    (batch,) = table.combine_chunks().to_batches()
    return batch.cast(schema)


def write_csv(batch: pa.RecordBatch, schema: pa.Schema, table: str) -> memoryview:
    """Turn a batch into rows as COPY reads them, columns in the order of `schema`.

    Raises `InvalidRequest` when the batch has other columns, or of types that hold other values.
    """
    if sorted(batch.schema.names) != sorted(schema.names):
        raise InvalidRequest(
            f"a batch of '{table}' has the columns {', '.join(batch.schema.names)}; send {', '.join(schema.names)}",
            table=table,
        )
    try:
        fitting = batch.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise InvalidRequest(f"a batch of '{table}' has values that do not fit: {error}", table=table) from error
    sink = pa.BufferOutputStream()
    csv.write_csv(fitting, sink, csv.WriteOptions(include_header=False, batch_size=max(1, fitting.num_rows)))
    return memoryview(sink.getvalue())
