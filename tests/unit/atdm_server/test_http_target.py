"""The target over HTTP, against a tiny server that behaves in every bad way."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pytest

from atdm_core import Bundle, generate
from atdm_core.errors import ResetFailed, RunGone, SeedFailed, SnapshotFailed, TargetError, TargetUnreachable
from atdm_core.protocols import Load
from atdm_core.values import Residue, TableDigest
from atdm_healthcare import PACK
from atdm_server.http_database import HttpDatabase
from atdm_server.http_target import HttpTarget
from tests.unit.atdm_healthcare.plans import make_plan
from tests.unit.atdm_server.tiny_server import TinyServer, closed_port, http, tiny_server
from tests.unit.target_healthcare.exports import read_frames

TIMEOUT = 0.3  # seconds
TOKEN = "the-target-token-of-this-test"
SEEDED = {"run_id": "run", "state": "seeded", "row_counts": {"plan": 1}, "keys": {}, "expires_at": None}
DELETED = {"run_id": "run", "previous_state": "seeded", "deleted_counts": {"plan": 1}}


@pytest.fixture
async def server() -> AsyncGenerator[TinyServer]:
    """A server on a port of its own."""
    async with tiny_server() as server:
        yield server


@pytest.fixture
async def target(server: TinyServer) -> AsyncGenerator[HttpTarget]:
    """A client of that server."""
    target = HttpTarget(server.url, TOKEN, TIMEOUT)
    yield target
    await target.close()


def a_bundle(run_id: str = "run") -> Bundle:
    """A bundle of the healthcare pack."""
    return generate(PACK, make_plan("active_member_clean"), run_id)


async def test_seed_sends_the_bundle_and_its_hash(server: TinyServer, target: HttpTarget) -> None:
    """A seed is one PUT to the run, with the service token, the rows, and the hash of the rows as they are sent."""
    server.answer = lambda _: http(201, SEEDED)
    receipt = await target.seed(a_bundle(), 60)
    assert receipt.row_counts == {"plan": 1}
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("PUT", "/internal/runs/run")
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["content-type"] == "application/json"
    body = json.loads(seen.body)
    assert set(body) == {"bundle_sha", "tables", "ttl_seconds"}
    assert body["ttl_seconds"] == 60
    assert body["tables"]["member"][0]["member_id"] == "m-run"
    sent = seen.body.partition(b'"tables":')[2].removesuffix(b',"ttl_seconds":60}')
    assert body["bundle_sha"] == sha256(sent).hexdigest()


async def test_no_time_to_live_is_not_sent(server: TinyServer, target: HttpTarget) -> None:
    """Without a time to live the field is left out, which the contract reads as no expiry."""
    server.answer = lambda _: http(200, SEEDED)
    await target.seed(a_bundle(), None)
    assert "ttl_seconds" not in json.loads(server.seen[0].body)


async def test_same_bundle_same_hash(server: TinyServer, target: HttpTarget) -> None:
    """A bundle that is sent again has the same hash, and one of another run another."""
    server.answer = lambda _: http(200, SEEDED)
    for run_id in ("run", "run", "other"):
        await target.seed(a_bundle(run_id), None)
    one, two, three = (json.loads(seen.body)["bundle_sha"] for seen in server.seen)
    assert one == two != three


async def test_delete(server: TinyServer, target: HttpTarget) -> None:
    """A delete is one DELETE of the run, and tells what was there."""
    server.answer = lambda _: http(200, DELETED)
    deletion = await target.delete("run")
    assert (deletion.previous_state, deletion.deleted_counts) == ("seeded", {"plan": 1})
    assert (server.seen[0].method, server.seen[0].path) == ("DELETE", "/internal/runs/run")


async def test_a_deletion_is_told_whole(server: TinyServer, target: HttpTarget) -> None:
    """Keys and residue come through as the target tells them, from a deletion and from an expiry."""
    residue = {"table": "visit", "key": {"id": 7}, "reason": "references", "deleted": True}
    told = DELETED | {"deleted_keys": {"plan": [{"plan_id": "p"}]}, "residue": [residue]}
    server.answer = lambda _: http(200, told)
    for deletion in (await target.delete("run"), await target.expire("run")):
        assert deletion is not None
        assert deletion.deleted_keys == {"plan": [{"plan_id": "p"}]}
        assert deletion.residue == [Residue(table="visit", key={"id": 7}, reason="references", deleted=True)]
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("DELETE", "/internal/runs/run"),
        ("DELETE", "/internal/expired/run"),
    ]


async def test_a_run_that_is_not_due_is_left(server: TinyServer, target: HttpTarget) -> None:
    """Only the target's word that a run is not due means that nothing was done; any other refusal is one."""
    server.answer = lambda _: http(409, {"error": {"code": "NOT_EXPIRED", "message": "not yet"}})
    assert await target.expire("run") is None
    for code in ("ROWS_REFERENCED", "NOT_FOUND"):
        server.answer = lambda _, code=code: http(409, {"error": {"code": code, "message": "no"}})
        with pytest.raises(ResetFailed) as refusal:
            await target.expire("run")
        assert refusal.value.details["target_code"] == code


async def test_extend(server: TinyServer, target: HttpTarget) -> None:
    """An extension is one PATCH of the run, and tells when its time is up now."""
    server.answer = lambda _: http(200, {"run_id": "run", "expires_at": "2026-07-04T12:00:00Z"})
    assert await target.extend("run", 60) == datetime(2026, 7, 4, 12, tzinfo=UTC)
    (seen,) = server.seen
    assert (seen.method, seen.path, json.loads(seen.body)) == ("PATCH", "/internal/runs/run", {"ttl_seconds": 60})


@pytest.mark.parametrize(("status", "code"), [(410, "RUN_DELETED"), (404, "RUN_NOT_FOUND")])
async def test_a_run_that_is_not_there_is_gone(server: TinyServer, target: HttpTarget, status: int, code: str) -> None:
    """A run that is deleted or unknown cannot be extended, and the error says which run."""
    server.answer = lambda _: http(status, {"error": {"code": code, "message": "no"}})
    with pytest.raises(RunGone, match="run run has been taken back") as gone:
        await target.extend("run", 60)
    assert gone.value.run_id == "run"


async def test_a_target_without_extensions_is_no_lost_run(server: TinyServer, target: HttpTarget) -> None:
    """A route that is not there, or a database that is away, says nothing about the run."""
    for status, code in ((404, "NOT_FOUND"), (503, "DATABASE_UNAVAILABLE")):
        server.answer = lambda _, status=status, code=code: http(status, {"error": {"code": code, "message": "no"}})
        with pytest.raises(TargetError) as refusal:
            await target.extend("run", 60)
        assert refusal.value.details["target_code"] == code


async def test_runs_are_listed_by_id(server: TinyServer, target: HttpTarget) -> None:
    """Seeded runs and overdue ones are asked for as the contract says, and only their ids are taken."""
    run = {"run_id": "b", "state": "seeded", "created_at": "2026-07-04T12:00:00Z", "expires_at": None}
    server.answer = lambda _: http(200, {"runs": [run, run | {"run_id": "a"}]})
    assert await target.seeded("a&b", 10) == ["b", "a"]
    assert await target.expired(5) == ["b", "a"]
    assert [seen.path for seen in server.seen] == [
        "/internal/runs?state=seeded&after=a%26b&limit=10",
        "/internal/expired?limit=5",
    ]
    server.answer = lambda _: http(503, {"error": {"code": "DATABASE_UNAVAILABLE", "message": "no"}})
    with pytest.raises(TargetError, match="the target refused: no"):
        await target.seeded("", 10)


async def test_digests(server: TinyServer) -> None:
    """The digests of all tables come in one answer; a refusal is a failed snapshot."""
    database = HttpDatabase(server.url, TOKEN)
    server.answer = lambda _: http(200, {"tables": {"plan": {"rows": 3, "digest": "0f"}}})
    assert await database.digest() == {"plan": TableDigest(rows=3, digest="0f")}
    assert (server.seen[0].method, server.seen[0].path) == ("GET", "/internal/digest")
    server.answer = lambda _: http(503, {"error": {"code": "DATABASE_UNAVAILABLE", "message": "no"}})
    with pytest.raises(SnapshotFailed):
        await database.digest()
    await database.close()


async def test_connection_is_kept(server: TinyServer, target: HttpTarget) -> None:
    """One connection serves call after call."""
    server.answer = lambda _: http(200, DELETED)
    for _ in range(5):
        await target.delete("run")
    assert server.connections == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_target_that_fails_may_have_done_it(server: TinyServer, target: HttpTarget, status: int) -> None:
    """Of a target that fails by itself nobody knows what it did, where rows go or stay longer; a seed is undone."""
    server.answer = lambda _: http(status, {"error": {"code": "DATABASE_UNAVAILABLE", "message": "it went away"}})
    database = HttpDatabase(server.url, TOKEN)
    for work in (
        target.delete("run"),
        target.expire("run"),
        target.extend("run", 60),
        database.delete_all("strategy-reset_all-x"),
    ):
        with pytest.raises(TargetUnreachable, match="nobody knows what it did: it went away") as unsure:
            await work
        assert unsure.value.details["target_status"] == status
    with pytest.raises(SeedFailed):
        await target.seed(a_bundle(), None)
    await database.close()


@pytest.mark.parametrize("status", [400, 401, 409, 410, 413, 422])
async def test_refusals_carry_the_target_s_own_words(server: TinyServer, target: HttpTarget, status: int) -> None:
    """A refusal becomes a failed seed or reset with the target's status, code, sentence and details."""
    error = {"code": "DUPLICATE_KEY", "message": "the key exists", "details": {"table": "plan"}}
    server.answer = lambda _: http(status, {"error": error})
    told = {"target_status": status, "target_code": "DUPLICATE_KEY", "target_details": {"table": "plan"}}
    with pytest.raises(SeedFailed, match="the target refused: the key exists") as seed:
        await target.seed(a_bundle(), None)
    assert seed.value.details == told
    with pytest.raises(ResetFailed, match="the target refused: the key exists") as reset:
        await target.delete("run")
    assert reset.value.details == told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<h1>Internal Server Error</h1>",
        b"null",
        b"[]",
        b'"error"',
        b'{"error": "no"}',
        b'{"error": {"code": 1}}',
        b'{"error": {"code": 1, "message": 2, "details": 3}}',
        b"\xff",
    ],
)
async def test_error_in_another_shape(server: TinyServer, target: HttpTarget, body: bytes) -> None:
    """An error that is not in the contract's shape is a refusal by its status."""
    server.answer = lambda _: http(500, body)
    with pytest.raises(SeedFailed, match="the target refused: HTTP 500") as refusal:
        await target.seed(a_bundle(), None)
    assert refusal.value.details["target_code"] == "UNKNOWN"


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"row_counts": 5}', b"\xff"])
async def test_success_in_another_language(server: TinyServer, target: HttpTarget, body: bytes) -> None:
    """A success that says something else is a failure, as nobody knows what was done."""
    server.answer = lambda _: http(200, body)
    with pytest.raises(SeedFailed, match="answered in another language"):
        await target.seed(a_bundle(), None)
    with pytest.raises(ResetFailed, match="answered in another language"):
        await target.delete("run")


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"])
async def test_garbage_is_unreachable(server: TinyServer, target: HttpTarget, answer: bytes) -> None:
    """Bytes that are no HTTP, or that break off, mean that nobody knows whether it wrote."""
    server.answer = lambda _: answer
    server.hang_up = True
    with pytest.raises(TargetUnreachable):
        await target.seed(a_bundle(), None)


async def test_undecodable_content_is_unreachable(server: TinyServer, target: HttpTarget) -> None:
    """An answer whose content cannot be decoded means that nobody knows whether it wrote."""
    server.answer = lambda _: http(200, b"not gzip", content_encoding="gzip")
    with pytest.raises(TargetUnreachable, match="cannot be reached"):
        await target.seed(a_bundle(), None)


@pytest.mark.parametrize("drip", [False, True])
async def test_hanging_target_is_given_up_in_time(server: TinyServer, target: HttpTarget, drip: bool) -> None:
    """A target that never answers, or answers a byte at a time, is given up when the time is over."""
    server.answer = lambda _: http(200, SEEDED) if drip else None
    server.drip = drip
    started = time.monotonic()
    with pytest.raises(TargetUnreachable, match=r"did not answer in 0\.3 s; look at its log"):
        await asyncio.wait_for(target.seed(a_bundle(), None), 5)
    assert time.monotonic() - started < 2


async def test_refused_connection_is_unreachable() -> None:
    """A port where nobody listens is an unreachable target, in one sentence with its address."""
    port = closed_port()
    target = HttpTarget(f"http://127.0.0.1:{port}", TOKEN, TIMEOUT)
    calls: list[Coroutine[object, object, object]] = [
        target.seed(a_bundle(), None),
        target.delete("run"),
        target.extend("run", 60),
        target.expired(1),
        target.expire("run"),
        target.seeded("", 1),
        target.check(),
    ]
    for call in calls:
        with pytest.raises(TargetUnreachable, match=rf"the target at http://127\.0\.0\.1:{port} cannot be reached"):
            await call
    await target.close()


async def test_check(server: TinyServer, target: HttpTarget) -> None:
    """A target is well when its health route says so; otherwise its own words are repeated."""
    await target.check()
    assert server.seen[0].path == "/health"
    server.answer = lambda _: http(503, {"error": {"code": "DATABASE_UNAVAILABLE", "message": "no database"}})
    with pytest.raises(TargetUnreachable, match="is not healthy: no database"):
        await target.check()


async def test_the_token_stands_in_no_error(server: TinyServer, target: HttpTarget) -> None:
    """No error repeats the service token."""
    server.answer = lambda _: http(401, {"error": {"code": "AUTH_REQUIRED", "message": "no"}})
    with pytest.raises(SeedFailed) as refusal:
        await target.seed(a_bundle(), None)
    assert TOKEN not in repr(refusal.value.__dict__)


async def test_a_late_deletion_is_waited_for_by_the_rows_that_are_left(server: TinyServer, target: HttpTarget) -> None:
    """A delete of many rows may take longer than an answer may."""
    left = {"run_id": "run", "state": "seeded", "row_counts": {"plan": 50_000}}
    server.late["DELETE"] = 2 * TIMEOUT
    server.answer = lambda seen: http(200, left if seen.method == "GET" else DELETED)
    assert (await target.delete("run")).deleted_counts == {"plan": 1}
    assert [seen.method for seen in server.seen] == ["DELETE", "GET"]


@pytest.mark.parametrize(
    "told",
    [
        http(200, {"run_id": "run", "state": "deleted", "row_counts": {"plan": 50_000}}),
        http(200, {"run_id": "run", "state": "seeded", "row_counts": {"plan": 1}}),
        http(404, {"error": {"code": "RUN_NOT_FOUND", "message": "no run", "details": {}}}),
        None,
    ],
    ids=["deleted", "few rows", "unknown", "no answer"],
)
async def test_a_deletion_whose_answer_is_lost_is_given_up(
    server: TinyServer, target: HttpTarget, told: bytes | None
) -> None:
    """A delete without an answer is not waited for where the target has nothing left that could take so long."""
    server.answer = lambda seen: told if seen.method == "GET" else None
    with pytest.raises(TargetUnreachable, match=r"did not answer in 0\.3 s"):
        await asyncio.wait_for(target.delete("run"), 5)
    assert [seen.method for seen in server.seen] == ["DELETE", "GET"]


async def test_a_load_is_sent_as_frames(server: TinyServer, target: HttpTarget) -> None:
    """The batches of a load go out one after the other, under its digest and time; a refusal is a failed seed."""

    async def groups() -> AsyncIterator[list[tuple[str, pa.RecordBatch]]]:
        for key in ("a", "b"):
            yield [("plan", pa.RecordBatch.from_pylist([{"plan_id": key}]))]

    def load() -> Load:
        return Load(run_id="run", sha256="0" * 64, entities={}, groups=groups())

    server.answer = lambda _: http(201, {**SEEDED, "row_counts": {"plan": 2}})
    assert (await target.load(load(), 60)).row_counts == {"plan": 2}
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("PUT", f"/internal/runs/run/rows?bundle_sha={'0' * 64}&ttl_seconds=60")
    kinds = [(frame["kind"], frame.get("group")) for frame, _ in read_frames(seen.body)]
    assert kinds == [("batch", 0), ("batch", 1), ("done", None)]
    server.answer = lambda _: http(422, {"error": {"code": "UNKNOWN_TABLE", "message": "no plan", "details": {}}})
    with pytest.raises(SeedFailed, match="no plan"):
        await target.load(load(), None)
