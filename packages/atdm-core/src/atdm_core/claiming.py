"""Idempotency keys: which run a key belongs to."""

from atdm_core.errors import IdempotencyKeyReused
from atdm_core.protocols import Claims
from atdm_core.run import Run
from atdm_core.values import Claim

__all__ = ["claim_key"]


async def claim_key(claims: Claims, run: Run, key: str) -> Claim:
    """Claim the key for a run, if it is free; the claim that holds it, which may be that of an earlier run.

    Raises `IdempotencyKeyReused` where the earlier run was asked for in other words.
    """
    claim = run.claim(key)
    holder = await claims.claim(claim)
    if holder.request_sha256 != claim.request_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was sent with another request body; use a new key", run_id=holder.run_id
        )
    return holder
