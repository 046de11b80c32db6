"""Run one program, and end it with all that it started as soon as stdin closes.

    python guard.py --stop-signal 15 --grace 10 [--account nobody] -- program argument ...

The supervisor holds the other end of stdin. The kernel closes it whatever way the supervisor goes, SIGKILL
included, so stopping a part and losing the supervisor are one and the same path. The program's pid is the
one line on stdout; what the program prints goes to stderr, which the supervisor points at a log file.

Runs as a plain script (`python -I -S`), so it imports the standard library only and is up in 15 ms.
"""

import argparse
import contextlib
import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# From linux/prctl.h, securebits.h and capability.h; elsewhere the process group alone has to do.
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

ON_LINUX = sys.platform == "linux"
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Guard the program of the command line; returns its exit status, as a shell would report it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stop-signal", type=int, default=signal.SIGTERM)
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--account")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    if ON_LINUX:
        # PostgreSQL's children leave its process group; orphaned, they become ours to find and end.
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake = wake_on_signals()
    program = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
        preexec_fn=before_exec(options.account, options.stop_signal),  # noqa: PLW1509 - the guard has no threads
    )
    os.write(1, f"{program.pid}\n".encode())
    os.close(1)
    status = attend(program, wake, options.stop_signal, options.grace)
    end_stragglers(program.pid)
    return status if status >= 0 else 128 - status


def wake_on_signals() -> int:
    """Turn SIGCHLD and SIGTERM into bytes on a pipe, which `select` can watch; returns its fd."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, ignore)
    return readable


def ignore(number: int, frame: FrameType | None) -> None:
    """The signal's byte in the pipe says it all; a handler there must be, or SIGTERM would end the guard."""


def before_exec(account: str | None, stop_signal: int) -> Callable[[], None]:
    """What the child does between fork and exec: become `account`, and follow the guard into death."""

    def prepare() -> None:
        if account is not None:
            become(pwd.getpwnam(account))
        if ON_LINUX:  # after setuid, which clears it
            LIBC.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)

    return prepare


def become(account: pwd.struct_passwd) -> None:
    """Give up root for `account`, but keep the right to pass folders that only root may enter.

    PostgreSQL refuses to run as root. A checkout under /root or a private temporary folder is closed to
    everyone else, and opening it to the world for PostgreSQL's sake would be worse than this one capability.
    Where the kernel or the container withholds it, the account has to reach the folders by itself.
    """
    # Not KEEPCAPS: access(2), with which PostgreSQL looks for its own programs, would ignore the capability.
    keeps = ON_LINUX and LIBC.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if keeps:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        if LIBC.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) != 0:
            raise OSError(ctypes.get_errno(), "the capabilities of root could not be given up")
        LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def attend(program: subprocess.Popen[bytes], wake: int, stop_signal: int, grace: float) -> int:
    """Wait until the program ends; once stdin closes, ask it to stop and after `grace` seconds insist."""
    watched, deadline = [0, wake], None
    while program.poll() is None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], left)
        signals = os.read(wake, 64) if wake in ready else b""
        if deadline is None and (0 in ready or signal.SIGTERM in signals):
            watched, deadline = [wake], time.monotonic() + grace
            program.send_signal(stop_signal)
        elif deadline is not None and time.monotonic() >= deadline:
            program.kill()
            program.wait()
    return program.returncode


def end_stragglers(group: int) -> None:
    """Kill what the program left behind: on Linux every descendant, elsewhere its process group."""
    offspring = Path(f"/proc/self/task/{os.getpid()}/children")
    if not offspring.exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        return
    while True:  # a killed straggler hands its own children to us, so look until there are none
        for child in offspring.read_text().split():
            os.kill(int(child), signal.SIGKILL)
        try:
            reaped, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not reaped:
            time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
