"""The folder of a stack, `$ATDM_HOME`: everything it writes, its secrets, and who holds it."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from infra.local_stack.errors import HomeBusy

SOCKET_NAME = ".s.PGSQL.5432.lock"  # the longest name that PostgreSQL creates beside its socket
SOCKET_PATH_BYTES = 107  # sun_path is 108 bytes with its closing zero

FOLDERS = ("postgres", "postgres.new", "objects", "fixtures", "logs", "secrets")
FILES = ("stack.json", "stack.lock", "supervisor.lock")


@dataclass(frozen=True)
class Pids:
    """The process of each part; `postgres` is None when an outside database is used."""

    server: int
    target: int
    postgres: int | None


@dataclass(frozen=True)
class StackRecord:
    """What `stack.json` tells: addresses and tokens of a running stack."""

    api_url: str
    target_url: str
    api_token: str
    target_token: str
    postgres_dsn: str
    object_store_url: str
    pids: Pids


class Home:
    """The paths of one stack. Creating this object creates nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.postgres = self.folder / "postgres"
        self.objects = self.folder / "objects"
        self.fixtures = self.folder / "fixtures"
        self.logs = self.folder / "logs"
        self.sockets = socket_folder(self.folder)
        self.record = self.folder / "stack.json"
        self.stack_lock = self.folder / "stack.lock"
        self.supervisor_lock = self.folder / "supervisor.lock"

    def prepare(self) -> None:
        """Create the folders that the parts expect. The home itself is private: it holds tokens and data."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.objects, self.fixtures, self.logs):
            folder.mkdir(exist_ok=True)

    def secret(self, name: str) -> str:
        """The secret of that name, generated on first use and kept in a file that only its owner reads."""
        file = self.folder / "secrets" / name
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(file, secrets.token_urlsafe(32))
        return file.read_text()

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def write_record(self, record: StackRecord) -> None:
        """Publish `stack.json`, whole or not at all, readable by its owner only."""
        write_private(self.record, json.dumps(asdict(record), indent=2) + "\n")

    def is_ready(self) -> bool:
        """Whether a stack has published its record here; it does so last, and takes it back first."""
        return self.record.exists()

    def read_record(self) -> StackRecord | None:
        """What `stack.json` says, or None when there is none."""
        try:
            fields = cast("dict[str, object]", json.loads(self.record.read_text()))
        except FileNotFoundError:
            return None
        pids = Pids(**cast("dict[str, int]", fields.pop("pids")))
        return StackRecord(pids=pids, **cast("dict[str, str]", fields))

    @contextmanager
    def held(self, patience: float = 0.2) -> Generator[int]:
        """Hold this home for one stack; yields the descriptor that the guards are to inherit.

        Two locks of the kernel say who is there, and no crash can leave one behind: the supervisor's own is
        free as soon as that process is gone, the stack's only when the last program of it has ended.
        Raises `HomeBusy` when another stack does not let go within `patience` seconds.
        """
        self.prepare()
        with locked(self.stack_lock, patience) as whole, locked(self.supervisor_lock, patience) as own:
            self.record.unlink(missing_ok=True)  # of a stack that could not clean up, after a power cut
            os.ftruncate(own, 0)
            os.write(own, str(os.getpid()).encode())
            yield whole

    def in_use(self) -> bool:
        """Whether any program of a stack still runs here."""
        return is_locked(self.stack_lock)

    def supervisor(self) -> int | None:
        """The pid of the process that supervises the stack here, None when there is none."""
        return int(self.supervisor_lock.read_text() or 0) or None if is_locked(self.supervisor_lock) else None

    def delete(self) -> None:
        """Delete what a stack wrote, and the folder when nothing else lies in it."""
        for folder in (self.sockets, *(self.folder / name for name in FOLDERS)):
            if folder.exists():
                shutil.rmtree(folder)
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def socket_folder(home: Path) -> Path:
    """Where PostgreSQL's socket goes: inside the home, or a short folder of /tmp if the home is too deep."""
    inside = home / "socket"
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
        return inside
    return Path("/tmp") / f"atdm-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"  # noqa: S108


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600 in one step: a reader sees the old text, the new text or no file."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)


def try_lock(file: Path) -> int | None:
    """Lock a file for this process and whoever inherits the descriptor; None when somebody else has it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def locked(file: Path, patience: float) -> Generator[int]:
    """Hold the lock of a file; raises `HomeBusy` when it is not free within `patience` seconds.

    Some patience is always needed: someone may just be looking with `is_locked`.
    """
    deadline = time.monotonic() + patience
    while (descriptor := try_lock(file)) is None:
        if time.monotonic() > deadline:
            raise HomeBusy(file.parent)
        time.sleep(0.02)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(file: Path) -> bool:
    """Whether another process, or another descriptor of this one, holds the lock of a file."""
    if not file.exists():
        return False
    descriptor = try_lock(file)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
