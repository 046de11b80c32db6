"""Settings of the server, from environment variables alone: a request never names a target or a store."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from atdm_server.errors import SettingsInvalid

__all__ = ["Settings"]

SHORTEST_SECRET: Final = 16  # characters
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server process is told. `from_environment` says which variable is which."""

    api_token: str
    target_url: str
    target_token: str
    store_url: str
    server_key: bytes
    fixture_folder: Path
    planner: str = "rule"
    host: str = "127.0.0.1"
    port: int = 18001
    workers: int = 1
    target_timeout: float = 10.0
    log_level: str = "info"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings of this process; `SettingsInvalid` names the variable that is missing or wrong."""
        return cls(
            api_token=_secret(environment, "ATDM_API_TOKEN", "every mutation must carry it as a bearer token"),
            target_url=_http_url(environment, "ATDM_TARGET_URL", "the address of the system under test"),
            target_token=_secret(environment, "ATDM_TARGET_TOKEN", "the target's own service token"),
            store_url=_needed(environment, "ATDM_STORE_URL", "file:///folder, s3:// or s3://bucket/prefix"),
            server_key=_server_key(environment),
            fixture_folder=Path(environment.get("ATDM_FIXTURE_DIR", "automation/fixtures")).absolute(),
            planner=environment.get("ATDM_PLANNER", "rule"),
            host=environment.get("ATDM_HOST", "127.0.0.1"),
            port=_number(environment, "ATDM_PORT", 18001, highest=65535),
            workers=_number(environment, "ATDM_WORKERS", 1, highest=256),
            target_timeout=float(_number(environment, "ATDM_TARGET_TIMEOUT_SECONDS", 10, highest=3600)),
            log_level=_log_level(environment),
        )


def _needed(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsInvalid(f"set {name}: {meaning}")
    return value


def _http_url(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = _needed(environment, name, meaning)
    if not value.startswith(("http://", "https://")):
        raise SettingsInvalid(f"{name} is a URL that begins with http:// or https://, not {value!r}")
    return value.rstrip("/")


def _log_level(environment: Mapping[str, str]) -> str:
    level = environment.get("ATDM_LOG_LEVEL", "info").lower()
    if level not in LOG_LEVELS:
        raise SettingsInvalid(f"ATDM_LOG_LEVEL is one of {', '.join(LOG_LEVELS)}, not {level!r}")
    return level


def _secret(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = _needed(environment, name, meaning)
    if len(value) < SHORTEST_SECRET or not value.isascii():
        raise SettingsInvalid(
            f"{name} is too weak: use at least {SHORTEST_SECRET} ASCII characters, such as {secrets.token_urlsafe(24)}"
        )
    return value


def _server_key(environment: Mapping[str, str]) -> bytes:
    """Cleanup tokens are made with this key, never with the API token, so that one may change without the other."""
    path = environment.get("ATDM_SERVER_KEY_FILE")
    if path:
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"ATDM_SERVER_KEY_FILE cannot be read: {error}") from error
    else:
        key = _needed(
            environment,
            "ATDM_SERVER_KEY",
            "the key that cleanup tokens are made with (or ATDM_SERVER_KEY_FILE)",
        )
    if len(key) < SHORTEST_SECRET:
        raise SettingsInvalid(f"the server key is too weak: use at least {SHORTEST_SECRET} characters")
    return key.encode()


def _number(environment: Mapping[str, str], name: str, default: int, *, highest: int) -> int:
    text = environment.get(name, "") or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise SettingsInvalid(f"{name} is a number from 1 to {highest}, not {text!r}")
    return int(text)
