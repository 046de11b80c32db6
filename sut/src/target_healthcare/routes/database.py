"""The whole database: under `/internal/database` as a stream in either direction, and its digest."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import suppress
from typing import Any, Final, TypeAlias

import psycopg
from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from target_healthcare.baseline import MEDIA_TYPE, Database, DigestAnswer, RestoreAnswer, require_version
from target_healthcare.errors import InvalidRequest, TargetError

AnyRequest: TypeAlias = Request[Any, Any, Any]

_PATIENCE_SECONDS: Final = 60.0
"""How long a restore, which keeps everybody else waiting, waits for more of its body."""
_PIECE_BYTES: Final = 1 << 20


@get("/database", media_type=MEDIA_TYPE)
async def export_database(database: NamedDependency[Database]) -> Stream:
    """All rows of all tables in one consistent read, as frames of Arrow batches."""
    frames = database.export()
    # The first frame comes before the answer, so that a database that does not answer is still an error of HTTP.
    first = await asyncio.to_thread(next, frames)
    return Stream(_send(first, frames), media_type=MEDIA_TYPE)


@get("/digest")
async def digest_database(database: NamedDependency[Database]) -> DigestAnswer:
    """How many rows each table has, and a digest of them, whatever their order; all tables at one moment."""
    return await asyncio.to_thread(database.digest)


@put("/database", request_max_body_size=None)
async def restore_database(
    request: AnyRequest, schema_version: FromQuery[str], database: NamedDependency[Database]
) -> RestoreAnswer:
    """Replace all rows of all tables by those of an export, in one transaction, and bury every run."""
    chunks = request.stream()
    try:
        require_version(database.schema, schema_version)
        return await asyncio.to_thread(database.restore, _pull(chunks, asyncio.get_running_loop()))
    except (TargetError, psycopg.Error):
        # A sender that is still sending would see its connection reset, and not the answer.
        await _drain(chunks)
        raise


async def _send(first: bytes, frames: Generator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the frames, each made in a thread. Whoever goes away ends the export with the frame under way."""
    loop = asyncio.get_running_loop()
    upcoming: asyncio.Future[bytes] = loop.create_future()
    upcoming.set_result(first)
    try:
        while frame := await asyncio.shield(upcoming):
            upcoming = loop.run_in_executor(None, next, frames, b"")
            yield frame
    finally:
        upcoming.add_done_callback(lambda _: loop.run_in_executor(None, frames.close))


def _pull(chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Generator[bytes]:
    """Read an asynchronous stream from a thread, no faster than the thread asks for it."""
    while piece := asyncio.run_coroutine_threadsafe(_next_piece(chunks), loop).result():
        yield piece


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
        raise InvalidRequest(f"the body stopped for {_PATIENCE_SECONDS:.0f} s; nothing was restored") from None
    except HTTPException as error:
        raise InvalidRequest(f"the body broke off ({error.detail}); nothing was restored") from error
    return bytes(piece)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what is left of a body, for as long as it comes."""
    with suppress(InvalidRequest):
        while await _next_piece(chunks):
            pass


database_routes: list[ControllerRouterHandler] = [export_database, digest_database, restore_database]
