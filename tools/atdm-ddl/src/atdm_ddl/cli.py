"""`atdm pack`: a command for the `atdm` program, which finds it by entry point.

Exit codes: 0 done, or no drift; 1 drift; 2 usage: files, folders or names that cannot be meant.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from atdm_core import AtdmError, Registry
from atdm_ddl.draft import draft_pack
from atdm_ddl.drift import drift
from atdm_ddl.reading import UnreadableDdl, read_ddl
from atdm_ddl.schema import Schema
from atdm_ddl.writing import write_pack

__all__ = ["pack"]

DONE, DRIFTED, USAGE = 0, 1, 2


def pack(
    action: Literal["new", "check"],
    name: str,
    /,
    *,
    ddl: Path | None = None,
    from_ddl: Path | None = None,
    database: str | None = None,
    from_database: str | None = None,
    out: Path | None = None,
    output: str = "human",
) -> int:
    """Write a new pack from a schema, or check an installed pack against it; the schema is DDL or a live PostgreSQL.

    Example:  atdm pack new billing --from-ddl schema.sql --out atdm-billing

    Parameters
    ----------
    action
        new: write a pack; check: tell where an installed pack and the schema have drifted apart.
    name
        The pack: small letters, digits and underscores, beginning with a letter.
    ddl
        An SQL file with the schema, as pg_dump writes it.
    from_ddl
        The same, for `new`.
    database
        The URL of a PostgreSQL with the schema, which is only read; a password may stand in PGPASSWORD or ~/.pgpass.
    from_database
        The same, for `new`.
    out
        The folder for a new pack, which must not exist or be empty; `atdm-NAME` here, if not given.
    """
    try:
        schema = _schema(ddl or from_ddl, from_database if database is None else database)
        if action == "check":
            return _check(name, schema, output)
        return _new(name, schema, out or Path(f"atdm-{name.replace('_', '-')}"), output)
    except (AtdmError, OSError, UnreadableDdl, ValueError) as error:
        return _refuse(str(error), output)


def _schema(file: Path | None, database: str | None) -> Schema:
    if (file is None) == (database is None):
        raise ValueError(
            "name one schema: --from-ddl FILE or --from-database URL for `new`, --ddl or --database for `check`"
        )
    if file is not None:
        return read_ddl(file.read_text(encoding="utf-8"))
    try:
        from atdm_ddl.catalog import read_database
    except ImportError as error:
        raise ValueError(f"a live database is read with psycopg: install `atdm-ddl[postgres]` ({error})") from error
    return read_database(database or "")


def _new(name: str, schema: Schema, folder: Path, output: str) -> int:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ValueError(f"{name!r} is no name for a pack: small letters, digits and underscores, a letter first")
    draft = draft_pack(schema)
    if not draft.entities:
        raise ValueError("no table of this schema can be filled: " + " ".join(draft.notes))
    files = write_pack(draft, name, folder)
    notes = list(dict.fromkeys(draft.notes))
    answer: dict[str, object] = {
        "pack": name,
        "folder": str(folder),
        "entities": len(draft.entities),
        "files": len(files),
        "notes": notes,
    }

    def tell() -> None:
        print(f"{folder}: {len(draft.entities)} entities in {len(files)} files")
        print(f"{len(notes)} things that it cannot honour are listed in {folder / 'README.md'}")

    return _tell(answer, tell, output, DONE)


def _check(name: str, schema: Schema, output: str) -> int:
    found = drift(Registry().pack(name), schema)

    def tell() -> None:
        print("\n".join(found) or f"{name}: no drift")

    return _tell({"pack": name, "drift": found}, tell, output, DRIFTED if found else DONE)


def _tell(answer: dict[str, object], tell: Callable[[], None], output: str, code: int) -> int:
    if output == "json":
        print(json.dumps(answer))
    else:
        tell()
    return code


def _refuse(message: str, output: str) -> int:
    error = json.dumps({"error": {"code": "USAGE", "message": message, "details": {}}})
    print(error if output == "json" else f"atdm: {message}", file=sys.stderr)
    return USAGE
