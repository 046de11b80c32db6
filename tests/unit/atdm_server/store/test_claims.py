"""Idempotency keys: whoever claims one first owns it."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from atdm_core import Claims
from atdm_core.testing import MemoryClaims
from atdm_core.values import Claim
from atdm_server.store import DiskStore, ObjectClaims


@pytest.fixture(params=["memory", "disk"])
def claims(request: pytest.FixtureRequest, tmp_path: Path) -> Claims:
    """Claims, in memory and on disk."""
    return MemoryClaims() if request.param == "memory" else ObjectClaims(DiskStore(tmp_path))


def a_claim(key: str, run_id: str) -> Claim:
    """The claim of a run."""
    return Claim(key_sha256=key, run_id=run_id, request_sha256="body", as_of=date(2026, 7, 4))


async def test_the_first_claim_holds(claims: Claims) -> None:
    """The first claim of a key holds it against every later one, and other keys are free."""
    first = a_claim("key", "one")
    assert await claims.claim(first) == first
    assert await claims.claim(a_claim("key", "two")) == first
    assert await claims.claim(first) == first
    assert (await claims.claim(a_claim("other", "two"))).run_id == "two"


async def test_one_of_many_at_once(claims: Claims) -> None:
    """Of many claims at once one holds, and all learn which."""
    holders = await asyncio.gather(*(claims.claim(a_claim("key", str(i))) for i in range(20)))
    assert len({holder.run_id for holder in holders}) == 1
