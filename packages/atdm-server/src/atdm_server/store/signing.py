"""Signatures of segments, with Ed25519: who can write into the store cannot make them without the key."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from atdm_core.parquet import Signer
from atdm_server.errors import SettingsInvalid

__all__ = ["load_signer", "load_verifier"]

_PURPOSE: Final = b"atdm segment 1:"


def load_signer(path: Path) -> Signer:
    """A signer with the private key (PEM, PKCS8, no password) in this file; `SettingsInvalid` when there is none."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsInvalid(f"ATDM_SIGNING_KEY_FILE: {path} has no private key without password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsInvalid(f"ATDM_SIGNING_KEY_FILE: {path} has a key that is not Ed25519; openssl genpkey makes one")
    return lambda message: key.sign(_PURPOSE + message)


def load_verifier(paths: Iterable[Path]) -> Callable[[bytes, bytes], bool]:
    """Whether a signature is one of a message by the owner of a public key (PEM) in these files; `SettingsInvalid`."""
    keys = [_load_public_key(path) for path in paths]
    return lambda message, signature: any(_is_by(key, message, signature) for key in keys)


def _load_public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path} has no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsInvalid(f"{path} has a public key that is not Ed25519")
    return key


def _is_by(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, _PURPOSE + message)
    except InvalidSignature:
        return False
    return True
