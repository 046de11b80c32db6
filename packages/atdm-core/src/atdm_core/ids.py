"""Identity: run ids, the checks before an id becomes a path, cleanup tokens, and the seed a run id stands for."""

import hmac
import re
from hashlib import blake2b, sha256
from typing import Final

from ulid import ULID

from atdm_core.draw import LARGEST_SEED
from atdm_core.errors import InvalidRequest

__all__ = ["ID_FORM", "check_id", "cleanup_token", "derive_seed", "new_id", "same_token", "token_sha256"]

ID_FORM: Final = "[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
"""The regular expression that a whole id matches."""

_ID = re.compile(ID_FORM)


def new_id() -> str:
    """A new ULID: 26 characters that sort by time."""
    return str(ULID())


def check_id(text: str) -> str:
    """`text` itself when it may become part of a path or a URL; `InvalidRequest` when it may not."""
    if not _ID.fullmatch(text):
        raise InvalidRequest(
            f"{text[:140]!r} is not an id: use 1 to 128 letters, digits, '.', '_' or '-', and no leading dot"
        )
    return text


def derive_seed(run_id: str) -> int:
    """The seed of a run that was given none: 53 bits of BLAKE2b of its id."""
    return int.from_bytes(blake2b(run_id.encode(), digest_size=8).digest(), "big") & LARGEST_SEED


def cleanup_token(server_key: bytes, run_id: str) -> str:
    """The token that takes a run back: HMAC-SHA256 of its id, so that an answer given again carries the same token."""
    return hmac.digest(server_key, b"atdm cleanup token:" + run_id.encode(), "sha256").hex()


def token_sha256(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode()).hexdigest()


def same_token(token: str, stored_sha256: str) -> bool:
    """Whether `token` is the one whose hash was stored; takes the same time for every wrong one."""
    return hmac.compare_digest(token_sha256(token), stored_sha256)
