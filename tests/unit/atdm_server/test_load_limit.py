"""Bounds on how much a server takes on."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest
from litestar.types import Receive, Scope, Send

from atdm_server.load_limit import LoadLimit

REQUESTS = "/test-data/requests"
LONG = [
    "/test-data/baseline/snapshot",
    "/test-data/baseline/restore",
    "/test-data/reset/all",
    "/test-data/runs/x/reset",
]
PATIENT = 5.0  # seconds


class Work:
    """An application that answers when it is let go."""

    def __init__(self, wanted: int = 1) -> None:
        """`full` is set when `wanted` are served at once."""
        self.wanted = wanted
        self.go = asyncio.Event()
        self.busy = 0
        self.most_busy = 0
        self.cancelled = 0
        self.full = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        if self.busy == self.wanted:
            self.full.set()
        try:
            if scope["method"] == "POST":  # pyright: ignore[reportGeneralTypeIssues, reportTypedDictNotRequiredAccess]
                await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.busy -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}", "more_body": False})


@asynccontextmanager
async def limited(
    work: Work, *, at_once: int = 2, waiting: int = 1, deadline: float = PATIENT
) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the application behind its limits."""
    app = LoadLimit(work, at_once=at_once, waiting=waiting, deadline=deadline)
    transport = httpx2.ASGITransport(app)  # pyright: ignore[reportArgumentType]
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:
        yield http


async def test_more_than_may_wait_is_refused_at_once() -> None:
    """So many are served, so many wait, and the next is told to come again and when; all others are served."""
    work = Work(wanted=2)
    async with limited(work) as http:
        asked = [asyncio.create_task(http.post(REQUESTS)) for _ in range(3)]
        await asyncio.wait_for(work.full.wait(), PATIENT)
        refused = await http.post(REQUESTS)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert json.loads(refused.content)["error"]["code"] == "TOO_MANY_REQUESTS"
        work.go.set()
        assert [(await answer).status_code for answer in asked] == [200] * 3
        assert (await http.post(REQUESTS)).status_code == 200
    assert work.most_busy == 2


async def test_reads_are_never_refused() -> None:
    """A server that is busy with changes still answers reads."""
    work = Work()
    async with limited(work, at_once=1, waiting=0) as http:
        asked = asyncio.create_task(http.post(REQUESTS))
        await asyncio.wait_for(work.full.wait(), PATIENT)
        assert (await http.get("/catalog/runs")).status_code == 200
        work.go.set()
        await asked


@pytest.mark.parametrize(
    "path", [REQUESTS, f"/{REQUESTS}", f"{REQUESTS}/", "/test-data/runs/x/extend", "/nowhere", f"{LONG[0]}/"]
)
async def test_what_takes_too_long_is_cancelled(path: str) -> None:
    """A request that is not done in time is cancelled, which undoes it, and told so, however its path is spelled."""
    work = Work()
    async with limited(work, at_once=1, waiting=0, deadline=0.01) as http:
        late = await http.post(f"http://server{path}")
        assert late.status_code == 504
        assert json.loads(late.content)["error"]["code"] == "DEADLINE_EXCEEDED"
        assert work.cancelled == 1
        work.go.set()
        assert (await http.post(REQUESTS)).status_code == 200


async def test_who_waits_too_long_is_told_so() -> None:
    """The time in the queue counts: who never came to be served is told the same, and nothing was begun for them."""
    work = Work()
    async with limited(work, at_once=1, waiting=1, deadline=0.05) as http:
        answers = await asyncio.gather(http.post(REQUESTS), http.post(REQUESTS))
    assert [answer.status_code for answer in answers] == [504, 504]
    assert (work.most_busy, work.cancelled) == (1, 1)


@pytest.mark.parametrize("path", LONG)
async def test_long_work_has_no_deadline(path: str) -> None:
    """A change of the whole target takes as long as it takes."""
    work = Work()
    async with limited(work, deadline=0.01) as http:
        asked = asyncio.create_task(http.post(path))
        _, waiting = await asyncio.wait([asked], timeout=0.05)
        assert waiting
        work.go.set()
        assert (await asked).status_code == 200
