"""Whether the process lives, and whether it can serve."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from atdm_core import AtdmError, Engine
from atdm_server.errors import NotReady
from atdm_server.store import ObjectAuditLog
from atdm_server.version import VERSION

__all__ = ["Health", "Ready", "health_routes"]


class Health(msgspec.Struct, frozen=True):
    """The process lives."""

    status: Literal["ok"]
    version: str


class Ready(msgspec.Struct, frozen=True):
    """The process can serve."""

    status: Literal["ready"]
    checks: Mapping[str, Literal["ok"]]


@get("/health", open_to_all=True)
async def health() -> Health:
    """Whether the process lives."""
    return Health("ok", VERSION)


@get("/health/ready", refusals=(NotReady,), open_to_all=True)
async def ready(engine: NamedDependency[Engine], log: NamedDependency[ObjectAuditLog]) -> Ready:
    """Whether the store and the target answer."""
    checks = {"store": log.check, "target": engine.check}
    faults = dict(zip(checks, await asyncio.gather(*map(_fault, checks.values())), strict=True))
    if broken := {name: fault for name, fault in faults.items() if fault}:
        raise NotReady(f"not ready: {'; '.join(broken.values())}", **broken)
    return Ready("ready", dict.fromkeys(checks, "ok"))


async def _fault(check: Callable[[], Awaitable[None]]) -> str | None:
    try:
        await check()
    except AtdmError as error:
        return error.message
    return None


health_routes: list[ControllerRouterHandler] = [health, ready]
