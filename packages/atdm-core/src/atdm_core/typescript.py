"""Test data as a TypeScript module: one literal, and its type, which is the same for every run of a scenario.

The type comes from the pack's entities and not from the values, so that a test that compiles against the module of one
run compiles against the module of the next.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from atdm_core.entity import Day, Entity, Flag, Instant, Integer, Json, Key, Kind, Number, OneOf, Ref, Text

__all__ = ["typescript_module"]

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def typescript_module(content: Mapping[str, Any], entities: Iterable[Entity]) -> str:
    """The module of a fixture: `scenario_id`, `test_run_id`, `data`, `cleanup` and, where asked for, `records`.

    `content` holds what JSON can, which is TypeScript as it stands; `entities` are those that `records` has rows of.
    """
    literal = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    members = [
        f"  scenario_id: {_quoted(content['scenario_id'])};",
        "  test_run_id: string;",
        "  /** The key of each entity's first row, and of all its rows where there are several. */",
        f"  data: {_object({name: _type_of_keys(keys) for name, keys in content['data'].items()}, '  ')};",
        "  /** How to take the run back. */",
        "  cleanup: { cleanup_token: string; endpoint: string; expires_at: string | null };",
    ]
    rows = ""
    if "records" in content:
        rows = "/** The rows of a table; there is always a first one. */\nexport type Rows<Row> = [Row, ...Row[]];\n\n"
        tables = {entity.name: f"Rows<{_row(entity, content['records'][entity.name])}>" for entity in entities}
        members += ["  /** The rows by table. */", f"  records: {_object(tables, '  ')};"]
    return (
        "/** Test data of one run, made by ATDM. */\n\n"
        + rows
        + "export interface Scenario {\n"
        + "\n".join(members)
        + f"\n}}\n\nexport const scenario: Scenario = {literal};\n"
    )


def _type_of_keys(keys: str | int | list[str | int]) -> str:
    """A scenario makes as many rows in every run, so the type is the same for all of them."""
    return f"[{', '.join(map(_type_of_key, keys))}]" if isinstance(keys, list) else _type_of_key(keys)


def _type_of_key(key: str | int) -> str:
    return "number" if isinstance(key, int) else "string"


def _row(entity: Entity, rows: Iterable[Mapping[str, Any]]) -> str:
    columns = {name: _type(kind) for name, kind in entity.columns.items()}
    for name, kind in entity.columns.items():
        if isinstance(kind, (Key, Ref)) and any(isinstance(row[name], int) for row in rows):
            columns[name] = columns[name].replace("string", "number")  # a key that the database made
    if entity.run_column is not None:
        columns.setdefault(entity.run_column, "string")
    return _object(columns, "    ")


def _object(members: Mapping[str, str], indent: str) -> str:
    lines = [f"{indent}  {_name(name)}: {type_};\n" for name, type_ in members.items()]
    return "{\n" + "".join(lines) + indent + "}"


def _type(kind: Kind) -> str:
    match kind:
        case OneOf():
            # Without a value allowed the type is `never`, which is what the kind says.
            type_ = " | ".join(map(_quoted, kind.allowed)) or "never"
        case Json():
            return "unknown"
        case Text() | Key() | Ref() | Day() | Instant():
            type_ = "string"
        case Integer() | Number():
            type_ = "number"
        case Flag():
            type_ = "boolean"
        case _:  # a kind of the pack's own
            return "unknown"
    return f"{type_} | null" if kind.nullable else type_


def _name(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
