"""Signatures of segments."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from atdm_core.parquet import signed_content
from atdm_server import Settings, SettingsInvalid
from atdm_server.store import DiskStore, ObjectAuditLog
from atdm_server.store.signing import load_signer, load_verifier
from tests.signing_keys import a_key_pair, write_private, write_public
from tests.unit.atdm_server.store.stores import a_mark


async def test_segments_are_signed(tmp_path: Path) -> None:
    """A segment that a server with a key writes carries a signature that the public key of no other pair confirms."""
    private, public = a_key_pair(tmp_path, "ours")
    _, another = a_key_pair(tmp_path, "theirs")
    log = ObjectAuditLog(DiskStore(tmp_path / "store"), load_signer(private))
    await log.note(a_mark("a"))
    (path,) = (tmp_path / "store/segments").rglob("*.parquet")
    signed = signed_content(path.read_bytes())
    assert signed
    assert load_verifier([public])(*signed)
    assert not load_verifier([another])(*signed)
    assert load_verifier([another, public])(*signed)
    assert not load_verifier([public])(signed[0][::-1], signed[1])


def test_keys_that_cannot_be_used(tmp_path: Path) -> None:
    """A file that is missing, holds no key, or one of another kind, is refused with its name."""
    private, public = a_key_pair(tmp_path, "ours")
    other = generate_private_key(SECP256R1())
    wrong, wrong_public = tmp_path / "ec", tmp_path / "ec.pub"
    write_private(wrong, other)
    write_public(wrong_public, other.public_key())
    for path in (tmp_path / "nowhere", public, wrong):
        with pytest.raises(SettingsInvalid, match=path.name):
            load_signer(path)
    for path in (tmp_path / "nowhere", private, wrong_public):
        with pytest.raises(SettingsInvalid, match=path.name):
            load_verifier([path])


def test_the_environment_names_the_key(tmp_path: Path) -> None:
    """A server signs when its environment names a key file, and does not start when that cannot be used."""
    private, public = a_key_pair(tmp_path, "ours")
    environment = {
        "ATDM_API_TOKEN": "an-api-token-of-this-test",
        "ATDM_TARGET_URL": "http://127.0.0.1:1",
        "ATDM_TARGET_TOKEN": "a-target-token-of-this-test",
        "ATDM_STORE_URL": "file:///nowhere",
        "ATDM_SERVER_KEY": "the server key of this test",
    }
    assert Settings.from_environment(environment).signer is None
    assert Settings.from_environment({**environment, "ATDM_SIGNING_KEY_FILE": str(private)}).signer is not None
    with pytest.raises(SettingsInvalid, match="ATDM_SIGNING_KEY_FILE"):
        Settings.from_environment({**environment, "ATDM_SIGNING_KEY_FILE": str(public)})
