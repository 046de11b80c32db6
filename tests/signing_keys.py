"""Key pairs for tests, as `openssl genpkey -algorithm ed25519` writes them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def a_key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Files with a new private key and its public key."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / name, folder / f"{name}.pub"
    write_private(private, key)
    write_public(public, key.public_key())
    return private, public


def write_private(path: Path, key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
    """Write a private key, PEM and PKCS8, without a password."""
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def write_public(path: Path, key: Ed25519PublicKey | EllipticCurvePublicKey) -> None:
    """Write a public key, PEM."""
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
