"""The whole database: under `/internal/database` as a stream in either direction, and its digest."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeAlias

import psycopg
from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from target_healthcare.baseline import MEDIA_TYPE, Database, DigestAnswer, RestoreAnswer, require_version
from target_healthcare.errors import TargetError
from target_healthcare.routes.internal import TakerId
from target_healthcare.routes.streams import drain, pull

AnyRequest: TypeAlias = Request[Any, Any, Any]


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
    request: AnyRequest, schema_version: FromQuery[str], database: NamedDependency[Database], by: TakerId = None
) -> RestoreAnswer:
    """Replace all rows of all tables by those of an export, in one transaction, and bury every run."""
    chunks = request.stream()
    try:
        require_version(database.schema, schema_version)
        return await asyncio.to_thread(database.restore, pull(chunks, asyncio.get_running_loop()), by)
    except (TargetError, psycopg.Error):
        await drain(chunks)
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


database_routes: list[ControllerRouterHandler] = [export_database, digest_database, restore_database]
