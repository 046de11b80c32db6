"""Values that a stream carries as texts, for the columns whose text is not all there is to say: JSON, and arrays.

A text for a column of `json` or `jsonb` is JSON. One for a column of arrays is what PostgreSQL reads, `{a,b}`, or a
JSON array, as a bundle would have it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from target_healthcare.baseline import Column

__all__ = ["json_rows", "texts_of", "with_array_literals"]

_JSON_TYPES: Final = frozenset({"json", "jsonb"})
_BOUNDS: Final = re.compile(r"\[[-\d]+:")  # with which PostgreSQL's own form may begin


def texts_of(column: pa.Array) -> pa.Array | None:
    """The column as texts, if it is of texts."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column if pa.types.is_string(column.type) else None


def with_array_literals(batch: pa.RecordBatch, columns: Mapping[str, Column]) -> pa.RecordBatch:
    """The batch with JSON arrays in the form that COPY reads; `columns` are the table's."""
    for position, name in enumerate(batch.schema.names):
        texts = texts_of(batch.column(position)) if columns[name].type.endswith("[]") else None
        if texts is not None:
            batch = batch.set_column(position, name, _each_once(texts, _to_literal))
    return batch


def json_rows(batch: pa.RecordBatch, columns: Mapping[str, Column]) -> str:
    """The rows as a JSON array of objects; `columns` are the table's."""
    names: list[str] = batch.schema.names
    cells = (_cells(batch.column(position), columns[name].type) for position, name in enumerate(names))
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return msgspec.json.encode(rows).decode()


def _cells(column: pa.Array, kind: str) -> list[Any]:
    cells: list[Any] = column.to_pylist()
    if kind in _JSON_TYPES:
        return [msgspec.Raw(cell.encode()) if isinstance(cell, str) else cell for cell in cells]
    if kind.endswith("[]"):
        return [msgspec.Raw(cell.encode()) if isinstance(cell, str) and _is_json(cell) else cell for cell in cells]
    return cells


def _each_once(texts: pa.Array, change: Callable[[str], str]) -> pa.Array:
    encoded = texts.dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, changed).dictionary_decode()


def _is_json(text: str) -> bool:
    return text.lstrip().startswith("[") and not _BOUNDS.match(text.lstrip())


def _to_literal(text: str) -> str:
    if not _is_json(text):
        return text
    try:
        return _literal(msgspec.json.decode(text))
    except msgspec.DecodeError:
        return text  # the database says what is wrong with it


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case list():
            return "{" + ",".join(map(_literal, value)) + "}"  # pyright: ignore[reportUnknownArgumentType]
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return _literal(msgspec.json.encode(value).decode())
