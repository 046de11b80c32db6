"""Who may do what: API tokens with names and scopes, of which only hashes are kept."""

import hmac
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from atdm_server.errors import SettingsInvalid

__all__ = ["SCOPES", "SHORTEST_SECRET", "Scope", "Token", "Tokens", "check_secret"]

Scope: TypeAlias = Literal["read", "seed", "reset", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
SHORTEST_SECRET: Final = 16  # characters

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")  # a secret may have a '#' in it


class Token(Struct, frozen=True):
    """A token as it is kept: whose it is, what it may do, and its SHA-256. `admin` may do everything."""

    name: str
    scopes: frozenset[Scope]
    sha256: bytes

    def may(self, scope: Scope) -> bool:
        """Whether the token has the scope."""
        return scope in self.scopes or "admin" in self.scopes


class Tokens:
    """The tokens that a server knows."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        """`SettingsInvalid` when two have one name, or are the same."""
        self._tokens = tuple(tokens)
        for what, values in (
            ("name", [token.name for token in self._tokens]),
            ("secret", [token.sha256 for token in self._tokens]),
        ):
            if len(set(values)) < len(values):
                raise SettingsInvalid(f"two API tokens have the same {what}; give each its own")

    def __len__(self) -> int:
        return len(self._tokens)

    @staticmethod
    def admin(secret: str, setting: str) -> Token:
        """The single token of a server that needs no scopes."""
        return Token("api", frozenset({"admin"}), _hash(check_secret(secret, setting)))

    @staticmethod
    def read(text: str, setting: str) -> list[Token]:
        """The tokens of a text with one `<name> <scope>[,<scope>...] <secret>` in each line, and `#` comments.

        `SettingsInvalid` names the line, and never the secret.
        """
        lines = [_COMMENT.sub("", line).split() for line in text.splitlines()]
        return [_read_line(fields, f"line {number} of {setting}") for number, fields in enumerate(lines, 1) if fields]

    def find(self, secret: str) -> Token | None:
        """The token with this secret. Every wrong one takes the same time: hashes are compared, and all of them."""
        given = _hash(secret)
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.sha256, given):
                found = token
        return found


def check_secret(secret: str, setting: str) -> str:
    """The secret itself; `SettingsInvalid` when it is easily guessed, or no header can carry it."""
    carried = secret.isascii() and secret.isprintable() and secret == secret.strip()
    if len(secret) < SHORTEST_SECRET or not carried:
        raise SettingsInvalid(
            f"{setting} is too weak: use at least {SHORTEST_SECRET} printable ASCII characters, such as "
            f"{secrets.token_urlsafe(24)}"
        )
    return secret


def _read_line(fields: list[str], where: str) -> Token:
    if len(fields) != 3:
        raise SettingsInvalid(f"{where} is not '<name> <scope>[,<scope>...] <secret>'")
    name, scopes, secret = fields
    if not _NAME.fullmatch(name):
        raise SettingsInvalid(f"{where}: a name has 1 to 64 letters, digits, '-' or '_'")
    wanted = scopes.split(",")
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise SettingsInvalid(f"{where}: no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    return Token(name, frozenset(scope for scope in SCOPES if scope in wanted), _hash(check_secret(secret, where)))


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
