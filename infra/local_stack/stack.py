"""The local stack: PostgreSQL, the target and the server, started in that order and stopped in reverse."""

import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack import postgres
from infra.local_stack.errors import PortTaken, SettingInvalid
from infra.local_stack.home import Home, Pids, StackRecord
from infra.local_stack.part import Part, answers
from infra.local_stack.supervisor import Supervisor

HOST = "127.0.0.1"
TARGET_PORT = 18000
API_PORT = 18001


@dataclass(frozen=True)
class Settings:
    """What may be chosen about a stack. An outside database or object store replaces the stack's own."""

    home: Path
    target_port: int = TARGET_PORT
    api_port: int = API_PORT
    database_url: str | None = None
    store_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], default_home: Path) -> "Settings":
        """Read ATDM_HOME, TARGET_PORT, ATDM_PORT, TARGET_DATABASE_URL and ATDM_STORE_URL."""
        return cls(
            home=Path(environment.get("ATDM_HOME") or default_home),
            target_port=port_from(environment, "TARGET_PORT", TARGET_PORT),
            api_port=port_from(environment, "ATDM_PORT", API_PORT),
            database_url=environment.get("TARGET_DATABASE_URL") or None,
            store_url=environment.get("ATDM_STORE_URL") or None,
        )


class Stack:
    """A stack in its home: addresses and tokens from the start, programs once `start` has returned."""

    def __init__(self, settings: Settings, hold: int) -> None:
        """`hold` is the descriptor that `Home.held` yielded."""
        self.home = Home(settings.home)
        self._settings = settings
        self._hold = hold
        self._supervisor = Supervisor(self.home.log, hold)
        self.api_url = f"http://{HOST}:{settings.api_port}"
        self.target_url = f"http://{HOST}:{settings.target_port}"
        self.api_token = self.home.secret("api_token")
        self.target_token = self.home.secret("target_token")
        self.object_store_url = settings.store_url or self.home.objects.as_uri()
        self.postgres_dsn = settings.database_url or postgres.dsn(self.home.sockets)

    def start(self) -> None:
        """Start every part, each once the one before answers its health check, and publish `stack.json`."""
        check_port_free(self._settings.target_port, "TARGET_PORT")
        check_port_free(self._settings.api_port, "ATDM_PORT")
        if self._settings.database_url is None:
            self._supervisor.start(self._postgres())
        self._supervisor.start(self._target())
        self._supervisor.start(self._server())
        self.home.write_record(self.record())

    def stop(self) -> None:
        """Stop every part, the last started first; nothing of them runs when this returns."""
        self.home.record.unlink(missing_ok=True)
        self._supervisor.stop()
        with suppress(OSError):  # it may never have been made; a short one in /tmp should not stay behind
            self.home.sockets.rmdir()

    def stop_part(self, name: str) -> None:
        """Stop one part ("postgres", "target" or "server") and leave the others running."""
        self._supervisor.stop_part(name)

    def start_part(self, name: str) -> None:
        """Start a part again that was stopped or has ended, and publish its new process."""
        self._supervisor.restart_part(name)
        self.home.write_record(self.record())

    def ended(self) -> dict[str, int]:
        """The parts that do not run any more, with their exit status."""
        return self._supervisor.ended()

    def start_database(self) -> None:
        """Start PostgreSQL only, for work on the database itself."""
        self._supervisor.start(self._postgres())

    def record(self) -> StackRecord:
        """What `stack.json` tells about this stack, with the processes of this moment."""
        pids = self._supervisor.pids()
        return StackRecord(
            api_url=self.api_url,
            target_url=self.target_url,
            api_token=self.api_token,
            target_token=self.target_token,
            postgres_dsn=self.postgres_dsn,
            object_store_url=self.object_store_url,
            pids=Pids(server=pids["server"], target=pids["target"], postgres=pids.get("postgres")),
        )

    def _postgres(self) -> Part:
        postgres.initialise(self.home.postgres, self.home.log("initdb"), self._hold)
        return postgres.postgres_part(self.home.postgres, self.home.sockets)

    def _target(self) -> Part:
        environment = {
            "TARGET_DATABASE_URL": self.postgres_dsn,
            "TARGET_SERVICE_TOKEN": self.target_token,
            "TARGET_HOST": HOST,
            "TARGET_PORT": str(self._settings.target_port),
        }
        command = (sys.executable, "-m", "target_healthcare", "serve")
        return Part("target", command, lambda: answers(f"{self.target_url}/health"), environment)

    def _server(self) -> Part:
        environment = {
            "ATDM_API_TOKEN": self.api_token,
            "ATDM_STORE_URL": self.object_store_url,
            "ATDM_TARGET_URL": self.target_url,
            "ATDM_TARGET_TOKEN": self.target_token,
            "ATDM_SERVER_KEY": self.home.secret("server_key"),
            "ATDM_FIXTURE_DIR": str(self.home.fixtures),
            "ATDM_HOST": HOST,
            "ATDM_PORT": str(self._settings.api_port),
        }
        command = (sys.executable, "-m", "atdm_server")
        return Part("server", command, lambda: answers(f"{self.api_url}/health/ready"), environment)


@contextmanager
def running_stack(settings: Settings) -> Generator[Stack]:
    """A stack that runs for the length of a `with` block, and is stopped whatever ends the block."""
    home = Home(settings.home)
    with home.held() as hold:
        stack = Stack(settings, hold)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@contextmanager
def local_stack(home: Path, *, database_url: str | None = None, store_url: str | None = None) -> Generator[Stack]:
    """A stack in `home` on free ports, for tests and the demo; runs beside any other. Raises `StackError`."""
    target_port, api_port = free_ports(2)
    with running_stack(Settings(home, target_port, api_port, database_url, store_url)) as stack:
        yield stack


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens right now, all different."""
    with ExitStack() as open_sockets:
        listeners = [open_sockets.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


def check_port_free(port: int, variable: str) -> None:
    """Raise `PortTaken`, naming the environment variable that chooses another port, when somebody listens."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise PortTaken(port, variable) from error


def port_from(environment: Mapping[str, str], variable: str, default: int) -> int:
    """The port that an environment variable chooses; raises `SettingInvalid` when it holds anything else."""
    text = environment.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SettingInvalid(f"{variable} is '{text}'; it must be a port between 1 and 65535")
    return int(text)
