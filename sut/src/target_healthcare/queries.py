"""Named statements from `.sql` files: `-- name: find_seed` begins the statement `find_seed`."""

import re
from pathlib import Path
from types import MappingProxyType

_NAME = re.compile(rb"^-- name: (\w+)\n", re.MULTILINE)


def read_queries(path: Path) -> MappingProxyType[str, bytes]:
    """Read the statements of one file, by name, as bytes for psycopg."""
    _preamble, *parts = _NAME.split(path.read_bytes().replace(b"\r\n", b"\n"))
    names = (name.decode() for name in parts[::2])
    return MappingProxyType({name: body.strip() for name, body in zip(names, parts[1::2], strict=True)})
