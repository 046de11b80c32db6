"""The command behind `make up` and its siblings: `python -m infra.local_stack --help`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

from infra.local_stack import background, postgres
from infra.local_stack.errors import StackError
from infra.local_stack.home import Home, StackRecord
from infra.local_stack.part import answers, last_lines
from infra.local_stack.stack import Settings, Stack

LOG_LINES = 40


def up(settings: Settings) -> int:
    """Start the stack in the background and return when it is ready."""
    record, started = background.up(settings)
    print(f"the stack {'is up' if started else 'already runs'} in {Home(settings.home).folder}")
    show(record)
    return 0


def run(settings: Settings) -> int:
    """Run the stack in the foreground until Ctrl-C."""
    background.run(settings, show)
    return 0


def down(settings: Settings) -> int:
    """Stop the stack."""
    home = Home(settings.home)
    stopped = background.down(home)
    print("the stack is down" if stopped else f"no stack runs in {home.folder}")
    return 0


def down_clean(settings: Settings) -> int:
    """Stop the stack and delete everything it wrote."""
    home = Home(settings.home)
    background.down(home)
    home.delete()
    print(f"nothing of the stack is left in {home.folder}")
    return 0


def ps(settings: Settings) -> int:
    """Show each part: its state, its process and where it is."""
    home = Home(settings.home)
    if not home.in_use():
        print(f"no stack runs in {home.folder}")
        return 0
    for name, pid, state, place in states(background.require_running(home)):
        print(f"{name:<10}{state:<10}{pid or '-':<10}{place}")
    return 0


def logs(settings: Settings) -> int:
    """Show the last lines of every part's log."""
    for log in sorted(Home(settings.home).logs.glob("*.log")):
        print(f"==> {log}", *last_lines(log, LOG_LINES), "", sep="\n")
    return 0


def smoke(settings: Settings) -> int:
    """Ask the target and the server for their health; fails unless both are well."""
    checks = states(background.require_running(Home(settings.home)))
    for name, _, state, place in checks:
        print(f"{name:<10}{state:<10}{place}")
    return 0 if all(state == "ready" for _, _, state, _ in checks) else 1


def migrate(settings: Settings) -> int:
    """Migrate the target's database: an outside one, the running stack's, or the stopped stack's own."""
    home = Home(settings.home)
    record = home.read_record() if home.in_use() else None
    address = settings.database_url or (record.postgres_dsn if record else None)
    if address is not None:
        return migrate_database(address, home)
    with home.held() as hold:
        stack = Stack(settings, hold)
        try:
            stack.start_database()
            return migrate_database(stack.postgres_dsn, home)
        finally:
            stack.stop()


def migrate_database(address: str, home: Home) -> int:
    """Run the target's own migration command against a database; returns its exit status."""
    command = (sys.executable, "-m", "target_healthcare", "migrate")
    settings = {"TARGET_DATABASE_URL": address, "TARGET_SERVICE_TOKEN": home.secret("target_token")}
    return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode


def show(record: StackRecord) -> None:
    """Print where everything is; never a token, nor an outside database's address with its password."""
    database = "the one of TARGET_DATABASE_URL" if record.pids.postgres is None else record.postgres_dsn
    print(f"  server    {record.api_url}/docs")
    print(f"  target    {record.target_url}/docs")
    print(f"  postgres  {database}")
    print(f"  objects   {record.object_store_url}", flush=True)


def states(record: StackRecord) -> list[tuple[str, int | None, str, str]]:
    """Name, process, state ("ready" or "down") and address of each part, asked now."""
    target, server = answers(f"{record.target_url}/health"), answers(f"{record.api_url}/health/ready")
    rows = [
        ("target", record.pids.target, target, record.target_url),
        ("server", record.pids.server, server, record.api_url),
    ]
    if record.pids.postgres is not None:
        rows.insert(
            0,
            (
                "postgres",
                record.pids.postgres,
                postgres.accepts_connections(record.postgres_dsn),
                record.postgres_dsn,
            ),
        )
    return [(name, pid, "ready" if well else "down", place) for name, pid, well, place in rows]


COMMANDS: dict[str, Callable[[Settings], int]] = {
    "up": up,
    "run": run,
    "down": down,
    "down-clean": down_clean,
    "ps": ps,
    "logs": logs,
    "migrate": migrate,
    "smoke": smoke,
}


def main() -> int:
    """Run one command on the stack that the environment describes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.local_stack", description=__doc__)
    choices = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, function in COMMANDS.items():
        choices.add_parser(name, help=function.__doc__)
    command = COMMANDS[str(parser.parse_args().command)]
    try:
        return command(Settings.from_environment(os.environ, background.ROOT / ".atdm"))
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
