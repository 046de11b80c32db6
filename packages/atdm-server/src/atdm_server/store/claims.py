"""Idempotency keys as objects: whoever creates the object of a key owns it."""

import msgspec

from atdm_core.errors import StoreUnavailable
from atdm_core.values import Claim
from atdm_server.store.objects import ObjectStore

__all__ = ["ObjectClaims"]


class ObjectClaims:
    """See `Claims`. Objects `idempotency/<sha256>`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def claim(self, claim: Claim) -> Claim:
        """See `Claims.claim`."""
        key = f"idempotency/{claim.key_sha256}"
        if await self._store.create(key, msgspec.json.encode(claim)):
            return claim
        stored = await self._store.get(key)
        if stored is None:
            raise StoreUnavailable(f"the object store says that {key} exists, and does not have it")
        return msgspec.json.decode(stored, type=Claim)
