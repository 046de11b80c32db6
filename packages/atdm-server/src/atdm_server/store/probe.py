"""What is tried out on a store before the server relies on it."""

import asyncio
from typing import Final

from atdm_core.errors import StoreUnavailable
from atdm_core.ids import new_id
from atdm_server.errors import SettingsInvalid
from atdm_server.store.objects import ObjectStore

__all__ = ["probe_stores"]

WRITERS: Final = 8
PATIENCE: Final = 20.0  # seconds


async def probe_stores(*stores: ObjectStore) -> None:
    """Return when every store can be written to and lets one create of a key win, of several at once and one later.

    Raises `SettingsInvalid` for a store that lets more win, as some S3 servers ignore If-None-Match, and some only
    under load: whoever creates a run's object first decides what becomes of it, and idempotency keys and the audit log
    rest on the same promise. Raises `StoreUnavailable` for a store that does not answer. Each probe leaves one object
    of 26 bytes, `probe/<ulid>`.
    """
    await asyncio.gather(*map(_probe, stores))


async def _probe(store: ObjectStore) -> None:
    key = f"probe/{new_id()}"
    try:
        async with asyncio.timeout(PATIENCE):
            won = await asyncio.gather(*(store.create(key, new_id().encode()) for _ in range(WRITERS)))
            won.append(await store.create(key, new_id().encode()))
    except TimeoutError as error:
        raise StoreUnavailable(f"the object store at {store.url} did not answer within {PATIENCE:.0f} s") from error
    if sum(won) > 1:
        raise SettingsInvalid(
            f"the object store at {store.url} let {sum(won)} of {len(won)} writers create the same object: it does not "
            "keep to If-None-Match, so no record in it would be safe; use a store with atomic conditional writes"
        )
