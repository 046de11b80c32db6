"""Bodies of any length, read from a thread while they arrive."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from typing import Final

from litestar.exceptions import HTTPException

from target_healthcare.errors import InvalidRequest

_PATIENCE_SECONDS: Final = 60.0
"""How long the transaction that a body is for is kept open while nothing more comes."""
_PIECE_BYTES: Final = 1 << 20


def pull(chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Generator[bytes]:
    """Read an asynchronous stream from a thread, no faster than the thread asks for it; `InvalidRequest`."""
    while piece := asyncio.run_coroutine_threadsafe(_next_piece(chunks), loop).result():
        yield piece


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what is left of a body, for as long as it comes.

    A sender that is still sending would see its connection reset, and not the answer.
    """
    with suppress(InvalidRequest):
        while await _next_piece(chunks):
            pass


async def _next_piece(chunks: AsyncIterator[bytes]) -> bytes:
    """At least a piece's bytes, or what is left; nothing at the end."""
    piece = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            async for chunk in chunks:
                piece += chunk
                if len(piece) >= _PIECE_BYTES:
                    break
    except TimeoutError:
        raise InvalidRequest(f"the body stopped for {_PATIENCE_SECONDS:.0f} s; nothing was written") from None
    except HTTPException as error:
        raise InvalidRequest(f"the body broke off ({error.detail}); nothing was written") from error
    return bytes(piece)
