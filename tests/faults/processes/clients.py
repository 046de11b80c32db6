"""Clients that request, retry, reset and extend all the time, and the book in which they write what they were told."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Literal
from uuid import uuid4

import httpx2
import msgspec
from msgspec import Struct, field

from tests.faults.processes.cluster import TOKEN

__all__ = ["Book", "Client", "Habits", "Told", "clients_at_work"]

SCENARIOS: Final = ("active_member_clean", "claim_denial_active_member", "expired_eligibility")
ATTEMPTS: Final = 4  # times that one thing is asked for before a client goes on to the next
PATIENCE: Final = 40.0  # seconds that a client waits for an answer
EXCUSES: Final = frozenset(
    {
        "SEED_FAILED",
        "RESET_FAILED",
        "TARGET_UNREACHABLE",
        "TARGET_ERROR",
        "STORE_UNAVAILABLE",
        "REQUEST_IN_PROGRESS",
        "TOO_MANY_REQUESTS",
        "DEADLINE_EXCEEDED",
    }
)
"""The answers of a server that cannot, for now. Whatever else is answered is a broken promise."""
FINAL: Final = frozenset({"SEED_FAILED"})
"""Of these, the ones that stay as they are for the same key."""


class Told(Struct):
    """What was told of a run: the answer, and how far its reset and its extension have come.

    `until`: when its time is up, as long as nobody has tried to extend it.
    """

    run_id: str
    token: str
    head: str
    ttl: int | None
    until: datetime | None = None
    reset: Literal["no", "tried", "done"] = "no"
    extended: datetime | None = None


class Book(Struct):
    """Everything that anybody was told. `keys`: the run of each key that was answered; `sent`: all keys.

    `counts`: what was done, and which excuses were heard.
    """

    runs: dict[str, Told] = field(default_factory=dict[str, Told])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    sent: set[str] = field(default_factory=set[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    broken: list[str] = field(default_factory=list[str])

    def answered(self, answer: Mapping[str, Any], key: str | None, ttl: int | None) -> Told:
        """A request was answered with 200."""
        cleanup = answer["cleanup"]
        until = msgspec.convert(cleanup["expires_at"], datetime | None)
        told = Told(answer["test_run_id"], cleanup["cleanup_token"], answer["audit_head"], ttl, until)
        known = self.runs.setdefault(told.run_id, told)
        if (known.token, known.head) != (told.token, told.head):
            self.broken.append(f"run {told.run_id} was answered twice, and differently")
        if key is not None and self.keys.setdefault(key, told.run_id) != told.run_id:
            self.broken.append(f"key {key} was answered with {self.keys[key]} and with {told.run_id}")
        return known


class Habits(Struct, frozen=True, kw_only=True):
    """How often a client does what. `pause`: seconds on average between two things."""

    keyed: float = 0.6
    reset: float = 0.5
    reset_twice: float = 0.2
    foreign: float = 0.1
    extend: float = 0.2
    short_lived: float = 0.15
    twins: float = 0.2
    pause: float = 0.0


class Client:
    """One client. It goes to any server, and on a failure to any other."""

    def __init__(self, name: str, urls: Sequence[str], book: Book, habits: Habits, seed: int) -> None:
        self._name = name
        self._urls = urls
        self._book = book
        self._habits = habits
        self._random = random.Random(f"{name} {seed}")
        headers = {"authorization": f"Bearer {TOKEN}", "x-atdm-invoker": f"agent:{name}"}
        self._http = httpx2.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def live(self, stop: asyncio.Event) -> None:
        """Do one thing after the other until told to stop."""
        while not stop.is_set():
            await self.do_something()
            if self._habits.pause:
                await asyncio.sleep(self._habits.pause * self._random.uniform(0.5, 1.5))

    async def do_something(self) -> None:
        """Ask for data, and perhaps extend it, try a wrong token on it, or take it back."""
        key = uuid4().hex if self._does("keyed") else None
        ttl = self._random.randint(1, 3) if self._does("short_lived") else None
        if key is not None and self._does("twins"):
            told, _ = await asyncio.gather(self.request(key, ttl), self.request(key, ttl))
        else:
            told = await self.request(key, ttl)
        if told is None:
            return
        if self._does("foreign"):
            await self._try_foreign_token(told)
        if self._does("extend"):
            await self._extend(told)
        if self._does("reset"):
            await self.reset(told)
            if self._does("reset_twice"):
                await self.reset(told)

    async def request(self, key: str | None, ttl: int | None = None, scenario: str | None = None) -> Told | None:
        """Ask for data; with a key again and again. None when there was no success."""
        body: dict[str, Any] = {"scenario": scenario or self._scenario_of(key)}
        if ttl is not None:
            body["ttl_seconds"] = ttl
        headers = _headers(key)
        if key is not None:
            self._book.sent.add(key)
        for attempt in range(1 if key is None else ATTEMPTS):
            if attempt:
                self._book.counts["retry"] += 1
                await asyncio.sleep(0.1 * 2**attempt)  # as a caller does that is polite
            status, answer = await self._post("request", "/test-data/requests", body, headers)
            if status == 200:
                return self._book.answered(answer, key, ttl)
            if answer.get("code") in FINAL:
                break
        return None

    async def reuse(self, key: str) -> None:
        """Send another body with a key that belongs to one, which must be refused."""
        body = {"scenario": self._scenario_of(key), "seed": 1}
        status, _ = await self._post(
            "key reused", "/test-data/requests", body, _headers(key), ("IDEMPOTENCY_KEY_REUSED",)
        )
        if status == 200:
            self._book.broken.append(f"key {key} was accepted with another body")

    async def reset(self, told: Told) -> None:
        """Take a run back, again and again until it is."""
        for attempt in range(ATTEMPTS):
            if told.reset == "no":
                told.reset = "tried"
            if attempt:
                await asyncio.sleep(0.1 * 2**attempt)
            path = f"/test-data/runs/{told.run_id}/reset"
            status, _ = await self._post("reset", path, {"cleanup_token": told.token})
            if status == 200:
                told.reset = "done"
                return

    async def _extend(self, told: Told) -> None:
        seconds = self._random.randint(2, 600)
        body = {"cleanup_token": told.token, "ttl_seconds": seconds}
        gone = ("RUN_GONE",) if told.ttl is not None or told.reset != "no" else ()
        known, told.ttl, told.until = told.ttl, seconds, None  # in force from now on, perhaps
        status, answer = await self._post("extend", f"/test-data/runs/{told.run_id}/extend", body, also=gone)
        if status == 200:
            told.extended = msgspec.convert(answer["expires_at"], datetime)
        elif answer.get("code") == "RUN_GONE":
            told.ttl = known

    async def _try_foreign_token(self, told: Told) -> None:
        path, body = f"/test-data/runs/{told.run_id}/reset", {"cleanup_token": "0" * 64}
        status, _ = await self._post("foreign token", path, body, also=("TOKEN_MISMATCH",))
        if status == 200:
            self._book.broken.append(f"run {told.run_id} was reset with a token that is not its own")

    async def _post(
        self, what: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, also: Any = ()
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer, or its error; 0 when there was none."""
        counts = self._book.counts
        counts[what] += 1
        try:
            url = self._random.choice(self._urls)
            response = await self._http.post(url + path, json=body, headers=headers)
        except httpx2.HTTPError:
            counts["no answer"] += 1
            return 0, {}
        answer: dict[str, Any] = response.json()
        if response.status_code == 200:
            counts[f"{what}: 200"] += 1
            return 200, answer
        error = answer["error"]
        counts[error["code"]] += 1
        if error["code"] not in EXCUSES and error["code"] not in also:
            self._book.broken.append(f"{what} was answered {response.status_code} {error}")
        return response.status_code, error

    def _does(self, habit: str) -> bool:
        return self._random.random() < getattr(self._habits, habit)

    def _scenario_of(self, key: str | None) -> str:
        """The scenario of a key, so that a retry sends the same body."""
        return SCENARIOS[(self._random.randrange(3) if key is None else int(key, 16)) % len(SCENARIOS)]


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"idempotency-key": key, "x-atdm-invoker": f"agent:{key}"}


@asynccontextmanager
async def clients_at_work(
    count: int, urls: Sequence[str], book: Book, habits: Habits, seed: int
) -> AsyncGenerator[list[Client]]:
    """So many clients that work for the length of the block; what they began last, they end."""
    stop = asyncio.Event()
    clients = [Client(f"client-{number}", urls, book, habits, seed) for number in range(count)]
    tasks = [asyncio.create_task(client.live(stop)) for client in clients]
    try:
        yield clients
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        for client in clients:
            await client.close()
