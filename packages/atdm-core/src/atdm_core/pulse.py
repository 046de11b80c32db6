"""The sign of life of whoever works on an open run for longer than recovery has patience."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from atdm_core.audit import Mark
from atdm_core.errors import StoreError
from atdm_core.protocols import Services

__all__ = ["kept_alive"]


@asynccontextmanager
async def kept_alive(services: Services, open_mark: Callable[[], Mark]) -> AsyncGenerator[None]:
    """Note the open mark again, `services.pulse` seconds after the last time, for as long as the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(services.pulse)
            with suppress(StoreError):  # whoever takes the work for dead meanwhile finds out what came of it
                await services.log.note(open_mark())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
