"""Settings of the server, from environment variables alone: a request never names a target or a store."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from atdm_core.parquet import Signer
from atdm_server.errors import SettingsInvalid
from atdm_server.store.signing import load_signer
from atdm_server.tokens import SHORTEST_SECRET, Tokens, check_secret

__all__ = ["Settings"]

LOG_LEVELS: Final = ("debug", "info", "warning", "error")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server process is told. `from_environment` says which variable is which."""

    tokens: Tokens
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
    request_timeout: float = 30.0
    recovery_grace: float = 45.0
    sweep_pace: float = 5.0
    changes_at_once: int = 64
    changes_waiting: int = 256
    reads_need_token: bool = False
    log_level: str = "info"
    signer: Signer | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings of this process; `SettingsInvalid` names the variable that is missing or wrong."""
        request_timeout, recovery_grace = _patience(environment)
        return cls(
            tokens=_tokens(environment),
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
            request_timeout=request_timeout,
            recovery_grace=recovery_grace,
            sweep_pace=float(_number(environment, "ATDM_SWEEP_SECONDS", 5, highest=3600)),
            changes_at_once=_number(environment, "ATDM_CHANGES_AT_ONCE", 64, highest=10_000),
            changes_waiting=_number(environment, "ATDM_CHANGES_WAITING", 256, highest=100_000),
            reads_need_token=_one_of(environment, "ATDM_READS", ("open", "token")) == "token",
            log_level=_one_of(environment, "ATDM_LOG_LEVEL", LOG_LEVELS, "info"),
            signer=load_signer(Path(path)) if (path := environment.get("ATDM_SIGNING_KEY_FILE")) else None,
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


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    """One of the allowed words; the first when nothing is said, unless there is a default."""
    word = environment.get(name, default or allowed[0]).lower()
    if word not in allowed:
        raise SettingsInvalid(f"{name} is one of {', '.join(allowed)}, not {word!r}")
    return word


def _tokens(environment: Mapping[str, str]) -> Tokens:
    """Every token that may be used: the single one, which may do everything, and the named ones with their scopes."""
    tokens = (
        [Tokens.admin(environment["ATDM_API_TOKEN"], "ATDM_API_TOKEN")] if environment.get("ATDM_API_TOKEN") else []
    )
    if path := environment.get("ATDM_API_TOKENS_FILE"):
        tokens += Tokens.read(_file(path, "ATDM_API_TOKENS_FILE"), path)
    tokens += Tokens.read(environment.get("ATDM_API_TOKENS", "").replace(";", "\n"), "ATDM_API_TOKENS")
    if not tokens:
        raise SettingsInvalid(
            "set ATDM_API_TOKEN: every mutation must carry it as a bearer token; or ATDM_API_TOKENS_FILE, for several "
            "tokens with scopes"
        )
    return Tokens(tokens)


def _file(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{name} cannot be read: {error}") from error


def _secret(environment: Mapping[str, str], name: str, meaning: str) -> str:
    return check_secret(_needed(environment, name, meaning), name)


def _server_key(environment: Mapping[str, str]) -> bytes:
    """Cleanup tokens are made with this key, never with the API token, so that one may change without the other."""
    path = environment.get("ATDM_SERVER_KEY_FILE")
    if path:
        key = _file(path, "ATDM_SERVER_KEY_FILE").strip()
    else:
        key = _needed(
            environment,
            "ATDM_SERVER_KEY",
            "the key that cleanup tokens are made with (or ATDM_SERVER_KEY_FILE)",
        )
    if len(key) < SHORTEST_SECRET:
        raise SettingsInvalid(f"the server key is too weak: use at least {SHORTEST_SECRET} characters")
    return key.encode()


def _patience(environment: Mapping[str, str]) -> tuple[float, float]:
    """How long a request may take, and after how long a run that stands open is taken for dead, in seconds."""
    request = _number(environment, "ATDM_REQUEST_TIMEOUT_SECONDS", 30, highest=3600)
    recovery = _number(environment, "ATDM_RECOVERY_SECONDS", 45, highest=7200)
    if recovery <= request:
        raise SettingsInvalid(
            f"ATDM_RECOVERY_SECONDS is {recovery}, and a request may take {request} s: it must be more than "
            "ATDM_REQUEST_TIMEOUT_SECONDS, or other processes would undo runs that are still being served"
        )
    return float(request), float(recovery)


def _number(environment: Mapping[str, str], name: str, default: int, *, highest: int) -> int:
    text = environment.get(name, "") or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise SettingsInvalid(f"{name} is a number from 1 to {highest}, not {text!r}")
    return int(text)
