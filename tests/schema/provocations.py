"""One real cause for every answer of every route: (operation, status, code) to what brings it about."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

import httpx2

from tests.flaky_proxy import Mode
from tests.schema.world import DRY, READER, SEEDED, World

__all__ = ["PROVOCATIONS", "Answer"]

Answer: TypeAlias = tuple[str, int, str]
"""The operation, as `GET /health`; the status; the code, empty for a success."""

Provocation: TypeAlias = Callable[[World], Awaitable[httpx2.Response]]

REQUEST: Final = "POST /test-data/requests"
VOLUME: Final = "POST /test-data/volumes"
EVENTS: Final = "GET /test-data/volumes/{run_id}/events"
RESET: Final = "POST /test-data/runs/{run_id}/reset"
EXTEND: Final = "POST /test-data/runs/{run_id}/extend"
RESET_ALL: Final = "POST /test-data/reset/all"
SNAPSHOT: Final = "POST /test-data/baseline/snapshot"
RESTORE: Final = "POST /test-data/baseline/restore"
BASELINES: Final = "GET /test-data/baseline/list"
SCENARIOS: Final = "GET /catalog/scenarios"
RUNS: Final = "GET /catalog/runs"
DIGEST: Final = "GET /test-data/digest"
TRAIL: Final = "GET /audit/runs/{run_id}"

A_VOLUME: Final = {"domain": "healthcare", "mix": {"active_member_clean": 1}, "count": 2}
CONFIRMED: Final = {"x-confirm": "yes"}
JSON: Final = {"content-type": "application/json"}

PROVOCATIONS: Final[dict[Answer, Provocation]] = {}


def provokes(operation: str, status: int, code: str = "") -> Callable[[Provocation], Provocation]:
    """Enter a function as the cause of an answer."""

    def enter(cause: Provocation) -> Provocation:
        assert (operation, status, code) not in PROVOCATIONS
        PROVOCATIONS[operation, status, code] = cause
        return cause

    return enter


async def send(client: httpx2.AsyncClient, operation: str, **options: Any) -> httpx2.Response:
    """Call an operation, of a run that nobody made where it names one."""
    method, _, path = operation.partition(" ")
    return await client.request(method, path.format(run_id="nobody"), **options)


# What follows from a route's having a guard, a body, or parameters.

for guarded in (REQUEST, VOLUME, RESET, EXTEND, RESET_ALL, SNAPSHOT, RESTORE):

    @provokes(guarded, 401, "AUTH_REQUIRED")
    async def _(world: World, operation: str = guarded) -> httpx2.Response:
        return await send(world.near, operation, headers={"authorization": "Bearer another"})

    @provokes(guarded, 403, "SCOPE_REQUIRED")
    async def _(world: World, operation: str = guarded) -> httpx2.Response:
        return await send(world.near, operation, headers={"authorization": f"Bearer {READER}"})

    @provokes(guarded, 429, "TOO_MANY_REQUESTS")
    async def _(world: World, operation: str = guarded) -> httpx2.Response:
        trap = world.proxy.arm(lambda call: call.method == "PUT", done=False)
        first = asyncio.create_task(send(world.busy, REQUEST, json=SEEDED))
        await trap.caught.wait()
        second = await send(world.busy, operation)
        assert (await first).status_code == 504
        return second


for reading in (REQUEST, VOLUME, RESET, EXTEND, SNAPSHOT, RESTORE):

    @provokes(reading, 400, "INVALID_REQUEST")
    async def _(world: World, operation: str = reading) -> httpx2.Response:
        return await send(world.near, operation, json={"colour": "red"})

    @provokes(reading, 413, "BODY_TOO_LARGE")
    async def _(world: World, operation: str = reading) -> httpx2.Response:
        return await send(world.near, operation, content=b" " * 300_000, headers=JSON)

    @provokes(reading, 415, "UNSUPPORTED_MEDIA_TYPE")
    async def _(world: World, operation: str = reading) -> httpx2.Response:
        return await send(world.near, operation, content=b"scenario: x", headers={"content-type": "application/yaml"})


@provokes(RESET_ALL, 400, "INVALID_REQUEST")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESET_ALL, headers={**CONFIRMED, "x-atdm-invoker": "x" * 256})


@provokes(RUNS, 400, "INVALID_REQUEST")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RUNS, params={"status": "happy"})


for named in (TRAIL, EVENTS):

    @provokes(named, 400, "INVALID_REQUEST")
    async def _(world: World, operation: str = named) -> httpx2.Response:
        return await world.near.get(operation.partition(" ")[2].format(run_id=".hidden"))


# A store that is away. What needs a run or a baseline has one from before.


async def without_store(world: World, operation: str, **options: Any) -> httpx2.Response:
    """Call an operation of a server that has lost its store."""
    world.lose_store()
    return await send(world.near, operation, **options)


for stored, options in {
    REQUEST: {"json": SEEDED},
    VOLUME: {"json": A_VOLUME},
    EVENTS: {},
    RESET: {"json": {"cleanup_token": "x"}},
    EXTEND: {"json": {"cleanup_token": "x", "ttl_seconds": 60}},
    RESET_ALL: {"headers": CONFIRMED},
    SNAPSHOT: {},
    RESTORE: {},
    BASELINES: {},
    RUNS: {},
    TRAIL: {},
}.items():
    provokes(stored, 503, "STORE_UNAVAILABLE")(partial(without_store, operation=stored, **options))


# A target that breaks connections, answers 500, or refuses.


async def with_target(world: World, mode: Mode, operation: str, *, busy: bool = False) -> httpx2.Response:
    """Call an operation, which would work otherwise, of a server whose target is in this mode."""
    client = world.busy if busy else world.far
    run_id, reset = await world.a_run()
    await world.a_baseline()
    world.proxy.mode = mode
    if operation in (RESET, EXTEND):
        body = reset if operation == RESET else {**reset, "ttl_seconds": 60}
        return await client.post(operation.partition(" ")[2].format(run_id=run_id), json=body)
    options = {REQUEST: {"json": SEEDED}, RESET_ALL: {"headers": CONFIRMED}}.get(operation, {})
    return await send(client, operation, **options)


for working in (RESET, RESET_ALL):
    provokes(working, 502, "RESET_FAILED")(partial(with_target, mode="refuse", operation=working))

for working, refusal in {
    REQUEST: "SEED_FAILED",
    SNAPSHOT: "SNAPSHOT_FAILED",
    DIGEST: "SNAPSHOT_FAILED",
}.items():
    provokes(working, 502, refusal)(partial(with_target, mode="error", operation=working))

for working in (REQUEST, EXTEND):
    provokes(working, 504, "DEADLINE_EXCEEDED")(partial(with_target, mode="hang", operation=working, busy=True))

for working in (REQUEST, RESET, EXTEND, RESET_ALL, SNAPSHOT, RESTORE, DIGEST):
    provokes(working, 502, "TARGET_UNREACHABLE")(partial(with_target, mode="down", operation=working))


@provokes("GET /health/ready", 503, "NOT_READY")
async def _(world: World) -> httpx2.Response:
    world.proxy.mode = "down"
    return await world.far.get("/health/ready")


# Requests for data.

for code, status, body in (
    ("SCENARIO_NOT_FOUND", 404, {"scenario": "nine"}),
    ("DOMAIN_NOT_FOUND", 404, {**SEEDED, "domain": "toys"}),
    ("UNKNOWN_CONSTRAINT", 422, {**SEEDED, "constraints": {"colour": "red"}}),
    ("INVALID_CONSTRAINT", 422, {**SEEDED, "constraints": {"member_status": "happy"}}),
    ("INVALID_DRAWS", 422, {**SEEDED, "seed": [0, 1, 2]}),
    ("VALIDATOR_REJECTED", 422, {**SEEDED, "constraints": {"member_status": "inactive"}}),
):

    @provokes(REQUEST, status, code)
    async def _(world: World, body: dict[str, Any] = body) -> httpx2.Response:
        return await send(world.near, REQUEST, json=body)


@provokes(REQUEST, 409, "REQUEST_IN_PROGRESS")
async def _(world: World) -> httpx2.Response:
    world.proxy.mode = "hang"
    both = [send(world.far, REQUEST, json=SEEDED, headers={"idempotency-key": "one"}) for _ in range(2)]
    return next(answer for answer in await asyncio.gather(*both) if answer.status_code == 409)


@provokes(REQUEST, 422, "IDEMPOTENCY_KEY_REUSED")
async def _(world: World) -> httpx2.Response:
    bodies = (DRY, {**DRY, "seed": 1})
    return [await send(world.near, REQUEST, json=body, headers={"idempotency-key": "one"}) for body in bodies][1]


@provokes(REQUEST, 501, "LLM_MODE_NOT_ENABLED")
async def _(world: World) -> httpx2.Response:
    return await send(world.talking, REQUEST, json=SEEDED)


# Volumes.

for code, body in (
    ("SCENARIO_NOT_FOUND", {**A_VOLUME, "mix": {"nine": 1}}),
    ("DOMAIN_NOT_FOUND", {**A_VOLUME, "domain": "toys"}),
):

    @provokes(VOLUME, 404, code)
    async def _(world: World, body: dict[str, Any] = body) -> httpx2.Response:
        return await send(world.near, VOLUME, json=body)


@provokes(VOLUME, 422, "IDEMPOTENCY_KEY_REUSED")
async def _(world: World) -> httpx2.Response:
    bodies = (A_VOLUME, {**A_VOLUME, "count": 3})
    return [await send(world.near, VOLUME, json=body, headers={"idempotency-key": "two"}) for body in bodies][1]


@provokes(VOLUME, 504, "DEADLINE_EXCEEDED")
async def _(world: World) -> httpx2.Response:
    async def endless() -> AsyncGenerator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    return await send(world.busy, VOLUME, content=endless(), headers=JSON)


@provokes(EVENTS, 404, "RUN_NOT_FOUND")
async def _(world: World) -> httpx2.Response:
    run_id, _ = await world.a_run()  # which is no volume
    return await world.near.get(f"/test-data/volumes/{run_id}/events")


# Runs, trails and the whole database.


@provokes(RESET, 403, "TOKEN_MISMATCH")
async def _(world: World) -> httpx2.Response:
    run_id, _ = await world.a_run()
    return await world.near.post(f"/test-data/runs/{run_id}/reset", json={"cleanup_token": "x"})


@provokes(RESET, 404, "RUN_NOT_FOUND")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESET, json={"cleanup_token": "x"})


@provokes(EXTEND, 403, "TOKEN_MISMATCH")
async def _(world: World) -> httpx2.Response:
    run_id, _ = await world.a_run()
    return await world.near.post(f"/test-data/runs/{run_id}/extend", json={"cleanup_token": "x", "ttl_seconds": 60})


@provokes(EXTEND, 404, "RUN_NOT_FOUND")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, EXTEND, json={"cleanup_token": "x", "ttl_seconds": 60})


@provokes(EXTEND, 410, "RUN_GONE")
async def _(world: World) -> httpx2.Response:
    run_id, reset = await world.a_run()
    await world.near.post(f"/test-data/runs/{run_id}/reset", json=reset)
    return await world.near.post(f"/test-data/runs/{run_id}/extend", json={**reset, "ttl_seconds": 60})


@provokes(TRAIL, 404, "RUN_NOT_FOUND")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, TRAIL)


@provokes(RESET_ALL, 428, "CONFIRM_REQUIRED")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESET_ALL)


# Baselines.


@provokes(SNAPSHOT, 409, "BASELINE_EXISTS")
async def _(world: World) -> httpx2.Response:
    await world.a_baseline()
    return await send(world.near, SNAPSHOT, json={"baseline_id": "golden"})


@provokes(RESTORE, 404, "BASELINE_NOT_FOUND")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESTORE, json={"baseline_id": "nobody"})


@provokes(RESTORE, 404, "NO_BASELINE")
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESTORE)


@provokes(RESTORE, 409, "BASELINE_SCHEMA_DRIFT")
async def _(world: World) -> httpx2.Response:
    manifest = await world.a_baseline() / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "schema_version": "of another schema"}))
    return await send(world.near, RESTORE)


@provokes(RESTORE, 409, "BASELINE_DAMAGED")
async def _(world: World) -> httpx2.Response:
    table = await world.a_baseline() / "member.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    return await send(world.near, RESTORE)


@provokes(RESTORE, 502, "RESTORE_FAILED")
async def _(world: World) -> httpx2.Response:
    await world.a_run()
    manifest = await world.a_baseline() / "manifest.json"
    told = json.loads(manifest.read_text())
    plan, member = (manifest.with_name(f"{table}.parquet") for table in ("plan", "member"))
    member.write_bytes(plan.read_bytes())  # rows of another table, which the target refuses
    told["files"]["member"] = told["files"]["plan"]
    manifest.write_text(json.dumps(told))
    return await send(world.near, RESTORE)


# What works.

for plain in (
    DIGEST,
    BASELINES,
    SCENARIOS,
    RUNS,
    "GET /health",
    "GET /health/ready",
    "GET /metrics",
    "GET /openapi.json",
):

    @provokes(plain, 200)
    async def _(world: World, operation: str = plain) -> httpx2.Response:
        await world.a_baseline()
        await world.a_run()
        return await send(world.near, operation)


@provokes(REQUEST, 200)
async def _(world: World) -> httpx2.Response:
    whole = {"return_playwright_fixture": True, "return_pytest_fixture": True, "return_records": True}
    return await send(world.near, REQUEST, json={**SEEDED, "delivery": whole, "ttl_seconds": 60})


@provokes(VOLUME, 202)
async def _(world: World) -> httpx2.Response:
    return await send(world.near, VOLUME, json=A_VOLUME)


@provokes(EVENTS, 200)
async def _(world: World) -> httpx2.Response:
    begun = (await send(world.near, VOLUME, json=A_VOLUME)).json()
    return await world.near.get(begun["events"])


@provokes(RESET, 200)
async def _(world: World) -> httpx2.Response:
    run_id, reset = await world.a_run()
    return await world.near.post(f"/test-data/runs/{run_id}/reset", json=reset)


@provokes(EXTEND, 200)
async def _(world: World) -> httpx2.Response:
    run_id, reset = await world.a_run()
    return await world.near.post(f"/test-data/runs/{run_id}/extend", json={**reset, "ttl_seconds": 60})


@provokes(TRAIL, 200)
async def _(world: World) -> httpx2.Response:
    run_id, _ = await world.a_run()
    return await world.near.get(f"/audit/runs/{run_id}")


@provokes(RESET_ALL, 200)
async def _(world: World) -> httpx2.Response:
    return await send(world.near, RESET_ALL, headers=CONFIRMED)


@provokes(SNAPSHOT, 201)
async def _(world: World) -> httpx2.Response:
    return await send(world.near, SNAPSHOT)


@provokes(RESTORE, 200)
async def _(world: World) -> httpx2.Response:
    await world.a_baseline()
    return await send(world.near, RESTORE)
