"""The two surfaces that one suite runs against: the engine with fakes in memory, and the server over HTTP."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx2
import msgspec
import psycopg
from psycopg import sql

from atdm_core import AtdmError, Caller, Engine, Registry, Request
from atdm_core.fixtures import FixtureFolder
from atdm_core.testing import MemoryBaselines, MemoryCatalog, MemoryClaims, MemoryLog, MemoryTarget
from atdm_core.values import CatalogQuery
from infra.local_stack import Stack

TABLES = ("plan", "provider", "member", "eligibility", "claim")
SHARED_CODES = {
    "procedure_code": ("99213", "99214", "70553", "00000"),
    "diagnosis_code": ("Z00.00", "M54.5", "R51", "ZZZ.99"),
}

_T = TypeVar("_T")


class RefusedError(Exception):
    """An error as the surface told it."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any], run_id: str | None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details
        self.run_id = run_id


class Surface(Protocol):
    """What a user of ATDM can do, with plain JSON values in and out."""

    def request(self, body: Mapping[str, Any], *, invoker: str = "human:tester", key: str | None = None) -> Any:
        """Ask for data."""
        ...

    def reset(self, run_id: str, token: str) -> Any:
        """Take a run back."""
        ...

    def trail(self, run_id: str) -> Any:
        """Read a trail."""
        ...

    def runs(self, **query: Any) -> list[Any]:
        """List runs."""
        ...

    def reset_all(self) -> Any:
        """Take every run back."""
        ...

    def snapshot(self, baseline_id: str | None = None) -> Any:
        """Take a baseline."""
        ...

    def restore(self, baseline_id: str | None = None) -> Any:
        """Restore a baseline."""
        ...

    def baselines(self) -> list[Any]:
        """List the baselines."""
        ...

    def rows(self, run_id: str) -> dict[str, int]:
        """Count the rows that the target holds for a run, past everything that ATDM says."""
        ...


class EngineSurface:
    """The engine in process."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._target = MemoryTarget(SHARED_CODES)
        log = MemoryLog()
        registry = Registry()
        self._engine = Engine(
            registry=registry,
            planner=registry.planner("rule"),
            target=self._target,
            database=self._target,
            log=log,
            catalog=MemoryCatalog(log),
            claims=MemoryClaims(),
            baselines=MemoryBaselines(),
            fixtures=FixtureFolder(folder),
            server_key=b"a key for tests only",
            report=refuse_to_undo,
        )

    def request(self, body: Mapping[str, Any], *, invoker: str = "human:tester", key: str | None = None) -> Any:
        """See `Surface`."""
        try:
            request = msgspec.convert(body, Request)
        except msgspec.ValidationError as error:
            raise RefusedError("INVALID_REQUEST", str(error), {}, None) from error
        return self._done(self._engine.request(request, Caller(invoker=invoker, idempotency_key=key)))

    def reset(self, run_id: str, token: str) -> Any:
        """See `Surface`."""
        return self._done(self._engine.reset(run_id, token, "human:tester"))

    def trail(self, run_id: str) -> Any:
        """See `Surface`."""
        return self._done(self._engine.trail(run_id))

    def runs(self, **query: Any) -> list[Any]:
        """See `Surface`."""
        return self._done(self._engine.runs(msgspec.convert(query, CatalogQuery)))

    def reset_all(self) -> Any:
        """See `Surface`."""
        return self._done(self._engine.apply("reset_all", "human:tester", {}))

    def snapshot(self, baseline_id: str | None = None) -> Any:
        """See `Surface`."""
        return self._done(self._engine.apply("baseline_snapshot", "human:tester", _choice(baseline_id)))

    def restore(self, baseline_id: str | None = None) -> Any:
        """See `Surface`."""
        return self._done(self._engine.apply("baseline_restore", "human:tester", _choice(baseline_id)))

    def baselines(self) -> list[Any]:
        """See `Surface`."""
        return self._done(self._engine.baselines())

    def rows(self, run_id: str) -> dict[str, int]:
        """See `Surface`."""
        held = {table: self._target.tables.get(table, {}).values() for table in TABLES}
        return {table: sum(row["test_run_id"] == run_id for row in rows) for table, rows in held.items()}

    def _done(self, story: Coroutine[Any, Any, _T]) -> Any:
        try:
            return msgspec.to_builtins(self._runner.run(story))
        except AtdmError as error:
            raise RefusedError(error.code, error.message, error.details, error.run_id) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._engine.close())
        self._runner.close()


class HttpSurface:
    """The server of a running stack."""

    def __init__(self, stack: Stack) -> None:
        self._dsn = stack.postgres_dsn
        headers = {"authorization": f"Bearer {stack.api_token}"}
        self._http = httpx2.Client(base_url=stack.api_url, headers=headers, timeout=30)

    def request(self, body: Mapping[str, Any], *, invoker: str = "human:tester", key: str | None = None) -> Any:
        """See `Surface`."""
        headers = {"x-atdm-invoker": invoker} | ({"idempotency-key": key} if key else {})
        return _answer(self._http.post("/test-data/requests", json=body, headers=headers))

    def reset(self, run_id: str, token: str) -> Any:
        """See `Surface`."""
        return _answer(self._http.post(f"/test-data/runs/{run_id}/reset", json={"cleanup_token": token}))

    def trail(self, run_id: str) -> Any:
        """See `Surface`."""
        return _answer(self._http.get(f"/audit/runs/{run_id}"))

    def runs(self, **query: Any) -> list[Any]:
        """See `Surface`."""
        return _answer(self._http.get("/catalog/runs", params=query))["runs"]

    def reset_all(self) -> Any:
        """See `Surface`."""
        return _answer(self._http.post("/test-data/reset/all", headers={"x-confirm": "yes"}))

    def snapshot(self, baseline_id: str | None = None) -> Any:
        """See `Surface`."""
        return _answer(self._http.post("/test-data/baseline/snapshot", json=_choice(baseline_id)))

    def restore(self, baseline_id: str | None = None) -> Any:
        """See `Surface`."""
        return _answer(self._http.post("/test-data/baseline/restore", json=_choice(baseline_id)))

    def baselines(self) -> list[Any]:
        """See `Surface`."""
        return _answer(self._http.get("/test-data/baseline/list"))["baselines"]

    def rows(self, run_id: str) -> dict[str, int]:
        """See `Surface`."""
        counts: dict[str, int] = {}
        with psycopg.connect(self._dsn) as connection:
            for table in TABLES:
                query = sql.SQL("SELECT count(*) FROM {} WHERE test_run_id = %s").format(sql.Identifier(table))
                ((counts[table],),) = connection.execute(query, [run_id]).fetchall()
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()


def refuse_to_undo(run_id: str, error: Exception) -> None:
    """No run of this suite needs undoing."""
    raise AssertionError(f"run {run_id} could not be undone: {error}")


def _choice(baseline_id: str | None) -> dict[str, str]:
    return {} if baseline_id is None else {"baseline_id": baseline_id}


def _answer(response: httpx2.Response) -> Any:
    body = response.json()
    if response.is_success:
        return body
    error = body["error"]
    raise RefusedError(error["code"], error["message"], error.get("details", {}), error.get("test_run_id"))
