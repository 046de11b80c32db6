"""The target contract: what a test data manager calls under `/internal/`, for any schema."""

import asyncio
from typing import Annotated, Any, TypeAlias

import psycopg
from litestar import Request, Response, delete, get, patch, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter, RawBody
from litestar.types import ControllerRouterHandler

from target_healthcare.errors import TargetError
from target_healthcare.ledger import (
    RUN_ID_FORM,
    DeleteAllAnswer,
    DeleteAnswer,
    ExtendAnswer,
    ExtendRequest,
    Ledger,
    RunDescription,
    RunList,
    RunState,
    SeedAnswer,
    read_seed,
)
from target_healthcare.routes.streams import drain, pull
from target_healthcare.schema import Schema
from target_healthcare.volume import Volumes

SEED_BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a seed's body; every other route takes far less."""

RunIdInPath: TypeAlias = Annotated[str, PathParameter(pattern=RUN_ID_FORM)]
BundleSha: TypeAlias = Annotated[str, QueryParameter(pattern=r"^[0-9a-f]{64}(?!\n)$")]
TtlSeconds: TypeAlias = Annotated[int | None, QueryParameter(ge=1, le=315_360_000)]
TakerId: TypeAlias = Annotated[str | None, QueryParameter(pattern=RUN_ID_FORM)]
"""Who takes all runs back; it has an entry in the ledger, as a run has."""
RunLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000)]


@get("/schema")
async def read_schema(ledger: NamedDependency[Ledger]) -> Schema:
    """The tables in insert order, their columns and keys."""
    return ledger.schema


@put("/runs/{run_id:str}", request_max_body_size=SEED_BODY_LIMIT)
async def seed_run(run_id: RunIdInPath, body: RawBody, ledger: NamedDependency[Ledger]) -> Response[SeedAnswer]:
    """Write a bundle and its ledger entry in one transaction: 201, or 200 when it is there already."""
    answer, written = await ledger.seed(run_id, read_seed(body))
    return Response(answer, status_code=201 if written else 200)


@put("/runs/{run_id:str}/rows", request_max_body_size=None)
async def load_run(
    request: Request[Any, Any, Any],
    run_id: RunIdInPath,
    bundle_sha: BundleSha,
    volumes: NamedDependency[Volumes],
    ttl_seconds: TtlSeconds = None,
) -> Response[SeedAnswer]:
    """Write a run of any length, sent as frames of Arrow batches, as `PUT /internal/runs/{run_id}` writes a bundle."""
    chunks = request.stream()
    pieces = pull(chunks, asyncio.get_running_loop())
    try:
        answer, written = await asyncio.to_thread(volumes.load, run_id, bundle_sha, ttl_seconds, pieces)
    except (TargetError, psycopg.Error):
        await drain(chunks)
        raise
    await drain(chunks)
    return Response(answer, status_code=201 if written else 200)


@get("/runs/{run_id:str}")
async def describe_run(run_id: RunIdInPath, ledger: NamedDependency[Ledger]) -> RunDescription:
    """The ledger entry of a run, its rows counted now."""
    return await ledger.describe(run_id)


@delete("/runs/{run_id:str}", status_code=200)
async def delete_run(run_id: RunIdInPath, ledger: NamedDependency[Ledger]) -> DeleteAnswer:
    """Put up the run's tombstone and delete its rows in one transaction; harmless to repeat."""
    return await ledger.delete(run_id)


@patch("/runs/{run_id:str}")
async def extend_run(
    run_id: RunIdInPath, data: JSONBody[ExtendRequest], ledger: NamedDependency[Ledger]
) -> ExtendAnswer:
    """Let the run live `ttl_seconds` from now, by the database's clock."""
    return await ledger.extend(run_id, data.ttl_seconds)


@delete("/runs", status_code=200)
async def delete_all_runs(ledger: NamedDependency[Ledger], by: TakerId = None) -> DeleteAllAnswer:
    """Put up the tombstone of every run and delete the rows of all, in one transaction; rows of no run stay."""
    return await ledger.delete_all(by)


@get("/expired")
async def list_expired_runs(ledger: NamedDependency[Ledger], limit: RunLimit = 100) -> RunList:
    """The runs that are seeded and whose time is up, the longest overdue first, at most `limit`."""
    return await ledger.list_expired(limit)


@delete("/expired/{run_id:str}", status_code=200)
async def expire_run(run_id: RunIdInPath, ledger: NamedDependency[Ledger]) -> DeleteAnswer:
    """Delete a run as `DELETE /internal/runs/{run_id}` does, but only if its time is up."""
    return await ledger.expire(run_id)


@get("/runs")
async def list_runs(
    ledger: NamedDependency[Ledger],
    state_: Annotated[RunState | None, QueryParameter(name="state")] = None,
    after: FromQuery[str | None] = None,
    limit: RunLimit = 100,
    taken_back_by: TakerId = None,
) -> RunList:
    """The ledger by run id, at most `limit` entries, those greater than `after`; or those somebody took back."""
    if taken_back_by is not None:
        return await ledger.list_taken_back(taken_back_by, after, limit)
    return await ledger.list_runs(state_, after, limit)


internal_routes: list[ControllerRouterHandler] = [
    read_schema,
    seed_run,
    load_run,
    describe_run,
    delete_run,
    extend_run,
    delete_all_runs,
    list_expired_runs,
    expire_run,
    list_runs,
]
