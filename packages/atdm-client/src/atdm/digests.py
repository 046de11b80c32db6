"""Digests of tables from a file, and what became of the tables since."""

import json
from collections.abc import Mapping
from pathlib import Path

from atdm.contract import TableDigest
from atdm.errors import AtdmSettingsError

__all__ = ["compare_digests", "read_digests"]


def read_digests(path: Path) -> dict[str, TableDigest]:
    """The tables of a file that `atdm -o json digest` wrote; `AtdmSettingsError` when it is none."""
    try:
        tables = json.loads(path.read_bytes())["tables"]
        return {
            str(name): {"rows": int(table["rows"]), "digest": str(table["digest"])} for name, table in tables.items()
        }
    except OSError as error:
        raise AtdmSettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AtdmSettingsError(f"{path} holds no digests; `atdm -o json digest > {path}` writes them") from error


def compare_digests(before: Mapping[str, TableDigest], after: Mapping[str, TableDigest]) -> dict[str, str]:
    """How each table has changed; tables that are as they were are left out."""
    return {
        name: _change(before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    }


def _change(before: TableDigest | None, after: TableDigest | None) -> str:
    if before is None:
        return "the table is new"
    if after is None:
        return "the table is gone"
    if more := after["rows"] - before["rows"]:
        return f"{abs(more)} {'row' if abs(more) == 1 else 'rows'} {'more' if more > 0 else 'fewer'}"
    return f"{after['rows']} rows as before, and not the same"
