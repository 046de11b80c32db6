"""PostgreSQL, the target and several servers on one store: each can be killed and started again at any moment.

async with Cluster(folder, servers=3) as cluster:
    cluster.kill("server-0")
    await cluster.start("server-0")

Behind `proxied`, each server has proxies of its own before the target and, on S3, before the store.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from infra.local_stack import postgres
from infra.local_stack.part import Part, RunningPart, answers
from tests.flaky_proxy import FlakyProxy
from tests.s3 import BUCKETS, S3, s3_environment

TOKEN: Final = "an-api-token-of-this-test"
TARGET_TOKEN: Final = "a-target-token-of-this-test"
HOST: Final = "127.0.0.1"
IMPATIENT: Final = {
    "ATDM_TARGET_TIMEOUT_SECONDS": "2",
    "ATDM_REQUEST_TIMEOUT_SECONDS": "4",
    "ATDM_RECOVERY_SECONDS": "5",
    "ATDM_SWEEP_SECONDS": "1",
}
"""Settings of servers that give up soon, so that a test need not wait for the minute that is the default."""


class Cluster:
    """The processes, by name: `postgres`, `target`, `server-0`, `server-1` and so on."""

    def __init__(
        self,
        folder: Path,
        *,
        servers: int,
        s3: S3 | None = None,
        store_folder: Path | None = None,
        proxied: bool = False,
        settings: Mapping[str, str] = IMPATIENT,
    ) -> None:
        """`folder` has a short path, for sockets. The store is on S3, else in `store_folder`, else in `folder`."""
        self._folder = folder
        self._s3 = s3
        self._proxied = proxied
        self._settings = settings
        self._parts: dict[str, Part] = {}
        self._running: dict[str, RunningPart] = {}
        self._exits = AsyncExitStack()
        target_port, *ports = quiet_ports(1 + servers)
        self.dsn = postgres.dsn(folder / "socket")
        self.target_url = f"http://{HOST}:{target_port}"
        self.store_url = f"s3://{BUCKETS[0]}/{folder.name}" if s3 else (store_folder or folder / "objects").as_uri()
        self.servers: Sequence[str] = [f"server-{number}" for number in range(servers)]
        self.urls = {name: f"http://{HOST}:{port}" for name, port in zip(self.servers, ports, strict=True)}
        self.target_proxies: dict[str, FlakyProxy] = {}
        self.store_proxies: dict[str, FlakyProxy] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._start_all()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for name in reversed(list(self._running)):
            self.kill(name)
            await asyncio.to_thread(self._running[name].stop)
        await self._exits.aclose()

    async def start(self, name: str) -> None:
        """Start a process that has ended, and return when it answers."""
        part = self._parts[name]
        if name in self._running:
            await asyncio.to_thread(self._running[name].stop)
        log = self._folder / f"{name}.log"
        running = self._running[name] = await asyncio.to_thread(RunningPart, part, log, os.environ)
        await asyncio.to_thread(running.wait_until_ready)

    def kill(self, name: str, sent: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process and, if it kills, to all that it started."""
        try:
            process = psutil.Process(self._running[name].pid)
            family = [child.pid for child in process.children(recursive=True)] if sent == signal.SIGKILL else []
        except psutil.NoSuchProcess:
            return
        for pid in (*family, process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, sent)

    def is_up(self, name: str) -> bool:
        """Whether a process runs."""
        return self._running[name].ended is None

    def heal(self) -> None:
        """Let every proxy pass everything from now on."""
        for proxy in (*self.target_proxies.values(), *self.store_proxies.values()):
            proxy.mode, proxy.sometimes = "pass", {}
            proxy.traps.clear()

    async def _start_all(self) -> None:
        data = self._folder / "data"
        await asyncio.to_thread(postgres.initialise, data, self._folder / "initdb.log")
        self._parts["postgres"] = postgres.postgres_part(data, self._folder / "socket", shared_buffers="32MB")
        self._parts["target"] = self._target()
        for name in self.servers:
            self._parts[name] = await self._server(name)
        await self.start("postgres")
        await asyncio.gather(*(self.start(name) for name in ("target", *self.servers)))

    def _target(self) -> Part:
        environment = {
            "TARGET_DATABASE_URL": self.dsn,
            "TARGET_SERVICE_TOKEN": TARGET_TOKEN,
            "TARGET_HOST": HOST,
            "TARGET_PORT": self.target_url.rpartition(":")[2],
        }
        command = (sys.executable, "-m", "target_healthcare", "serve")
        return Part("target", command, lambda: answers(f"{self.target_url}/health"), environment)

    async def _server(self, name: str) -> Part:
        target_url = self.target_url
        store = s3_environment(self._s3.endpoint) if self._s3 else {}
        if self._proxied:
            proxy = self.target_proxies[name] = await self._exits.enter_async_context(FlakyProxy(self.target_url))
            target_url = proxy.url
        if self._proxied and self._s3:
            proxy = self.store_proxies[name] = await self._exits.enter_async_context(FlakyProxy(self._s3.endpoint))
            store = s3_environment(proxy.url)
        url = self.urls[name]
        environment = {
            "ATDM_API_TOKEN": TOKEN,
            "ATDM_STORE_URL": self.store_url,
            "ATDM_TARGET_URL": target_url,
            "ATDM_TARGET_TOKEN": TARGET_TOKEN,
            "ATDM_SERVER_KEY": "the key that all servers of this test have",
            "ATDM_FIXTURE_DIR": str(self._folder / "fixtures"),
            "ATDM_HOST": HOST,
            "ATDM_PORT": url.rpartition(":")[2],
            "ATDM_LOG_LEVEL": "warning",
            **store,
            **self._settings,
        }
        command = (sys.executable, "-m", "atdm_server")
        return Part(name, command, lambda: answers(f"{url}/health"), environment)


def quiet_ports(count: int) -> list[int]:
    """Free ports that the system gives to no outgoing connection, so that they are free again after a kill."""
    found: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1000):
        with suppress(OSError):
            socket.create_server((HOST, port)).close()
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("nearly no port between 20000 and 30000 is free")
