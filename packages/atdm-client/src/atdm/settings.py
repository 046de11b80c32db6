"""Where the API is and what opens it: arguments, then environment, then the local stack of this folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from atdm.errors import AtdmSettingsError

__all__ = ["DEFAULT_API_URL", "Settings", "read_settings"]

DEFAULT_API_URL = "http://127.0.0.1:18001"


@dataclass(frozen=True)
class Settings:
    """An address, the token for it (None: reads only), and where the address came from, for error messages."""

    api_url: str
    api_token: str | None = field(repr=False)
    source: str


def read_settings(
    api_url: str | None = None, api_token: str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Settle address and token.

    Arguments win over `ATDM_API_URL` and `ATDM_API_TOKEN`. Only when all of them are absent does a local stack count
    (`$ATDM_HOME/stack.json`, by default `.atdm/stack.json`), so that its token is never sent to another address.
    Raises AtdmSettingsError for an address that is no HTTP URL, a token that no header can carry, or a stack file
    that cannot be read.
    """
    environ = os.environ if environ is None else environ
    token = _checked_token(api_token or environ.get("ATDM_API_TOKEN", ""))
    if api_url:
        return Settings(_checked_url(api_url, "the api_url argument"), token, "the api_url argument")
    if url := environ.get("ATDM_API_URL", "").strip():
        return Settings(_checked_url(url, "ATDM_API_URL"), token, "ATDM_API_URL")
    if token:
        return Settings(DEFAULT_API_URL, token, "the default")
    stack_file = Path(environ.get("ATDM_HOME") or ".atdm") / "stack.json"
    return _read_stack(stack_file) or Settings(DEFAULT_API_URL, None, "the default")


def _read_stack(path: Path) -> Settings | None:
    try:
        stack = cast("object", json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AtdmSettingsError(f"cannot read {path}: {error}; run `make up` again or set ATDM_API_URL") from error
    entries = cast("dict[str, object]", stack) if isinstance(stack, dict) else {}
    url, token = entries.get("api_url"), entries.get("api_token")
    if not isinstance(url, str) or not isinstance(token, str):
        raise AtdmSettingsError(f"{path} lacks api_url or api_token; run `make up` again or set ATDM_API_URL")
    return Settings(_checked_url(url, str(path)), _checked_token(token), str(path))


def _checked_url(url: str, source: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise AtdmSettingsError(f"{source} is {url!r}, not an HTTP address such as {DEFAULT_API_URL}")
    return url.rstrip("/")


def _checked_token(token: str) -> str | None:
    token = token.strip()  # a token read from a file often brings its newline along
    if not token.isascii() or not token.isprintable():
        raise AtdmSettingsError("the API token holds characters that an HTTP header cannot carry; copy it again")
    return token or None
