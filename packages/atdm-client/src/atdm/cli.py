"""The `atdm` command. Each command asks the client for one answer and shows it; `display` knows how it looks.

Commands that work without the API come from other packages, by entry point.

It has more than 400 lines because each command's help stands beside it, and all share one session.

Exit codes: 0 done, 1 the API refused, 2 usage (arguments, settings), 3 the API cannot be reached, 130 interrupted.
"""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar, cast

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from atdm import __version__, display
from atdm.client import AtdmClient
from atdm.constraint_words import ConstraintWords
from atdm.contract import PackList, RunStatus
from atdm.digests import compare_digests, read_digests
from atdm.errors import AtdmClientError, AtdmSettingsError, AtdmUnreachable
from atdm.other_commands import add_commands_of_others
from atdm.replay import example_of_run, read_example
from atdm.replay import replay as replay_example
from atdm.volume_command import volume

__all__ = ["app", "main"]

Answer = TypeVar("Answer")
OutputFormat = Literal["human", "json"]

REFUSED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130


@dataclass(frozen=True)
class Session:
    """What every command works with: the client, and the form the user wants answers in."""

    client: AtdmClient
    output: OutputFormat

    @contextmanager
    def waiting(self, what: str) -> Generator[AtdmClient]:
        """The client; a person at a terminal sees what is being waited for, and for how long."""
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        silent = self.output == "json" or not sys.stderr.isatty()
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=silent) as progress:
            _ = progress.add_task(what, total=None)
            yield self.client

    def show(self, answer: Answer, draw: Callable[[Console, Answer], None]) -> None:
        """Print the API's answer as it came, or let `draw` tell it to a person."""
        if self.output == "json":
            print(json.dumps(answer, indent=2))
        else:
            draw(display.open_console(), answer)


InSession = Annotated[Session, Parameter(parse=False)]

# Tokens are URL-safe base64: one in 64 begins with a hyphen and is no option for that.
CleanupToken = Annotated[str, Parameter(allow_leading_hyphen=True)]


def _must_be_said(_: type, said: bool) -> None:  # noqa: FBT001 - as cyclopts calls a validator
    if not said:
        raise ValueError("nothing is done without it")


Confirmation = Annotated[bool, Parameter(validator=_must_be_said)]


def _usage_line(error: CycloptsError) -> Text:
    return Text(f"atdm: {error}")


app = App(
    name="atdm",
    version=__version__,
    help="Ask for test data by what it must show, use it, and put the target back as it was.",
    help_epilogue=(
        "The address and the token come from ATDM_API_URL and ATDM_API_TOKEN, or else from the local stack "
        "that `make up` started in this folder (.atdm/stack.json).\n\n"
        "Example:  atdm request expired_eligibility -c procedure_code=70553"
    ),
    default_parameter=Parameter(negative="", show_default=False),
    error_formatter=_usage_line,
    error_console=Console(stderr=True, soft_wrap=True, highlight=False),
    result_action="return_value",
)


@app.command(help_epilogue="Example:  atdm request expired_eligibility -c procedure_code=70553 --seed 7")
def request(
    scenario: str,
    /,
    *,
    constraint: ConstraintWords | None = None,
    domain: str | None = None,
    seed: int | None = None,
    as_of: date | None = None,
    ttl: int | None = None,
    records: bool = False,
    playwright: bool = False,
    pytest: bool = False,
    no_seed_target: bool = False,
    idempotency_key: str | None = None,
    session: InSession,
) -> None:
    """Seed a scenario into the target and tell its ids and how to clean up.

    Parameters
    ----------
    scenario
        What the data must show; `atdm scenarios` lists them.
    constraint
        What the data must be, once per constraint; `atdm scenarios` lists what is allowed. `KEY=VALUE` is
        text; `KEY:=VALUE` is JSON, for numbers and truth values: `-c copies:=3 -c urgent:=true`.
    domain
        The domain of the scenario, where several are installed.
    seed
        Draw the same values again: give the seed of an earlier run.
    as_of
        The day all dates are relative to, as YYYY-MM-DD (today, if not given).
    ttl
        Seconds until the server removes the rows by itself.
    records
        Return the rows themselves too.
    playwright
        Have the server write a Playwright fixture file.
    pytest
        Have the server write a pytest fixture module.
    no_seed_target
        Plan, generate and validate only; write nothing into the target.
    idempotency_key
        The same key with the same request gives the first answer again and never seeds twice.
    """
    with session.waiting(f"seeding {scenario}") as client:
        answer = client.request_scenario(
            scenario,
            constraints=dict(constraint or ()),
            domain=domain,
            seed=seed,
            as_of=as_of,
            ttl_seconds=ttl,
            seed_target=not no_seed_target,
            return_playwright_fixture=playwright,
            return_pytest_fixture=pytest,
            return_records=records,
            idempotency_key=idempotency_key,
        )
    trail = session.client.audit_url(answer["test_run_id"])
    session.show(answer, lambda console, run: display.scenario(console, run, trail))


@app.command(help_epilogue="Example:  atdm replay .atdm/examples/test_denied_claims.json")
def replay(example: str, /, *, session: InSession) -> None:
    """Seed the data of an earlier run again, or of an example that a property test kept.

    Nothing is written when it would be other data than it was: where the pack has another version, or makes other
    values of the same seed.

    Parameters
    ----------
    example
        The file of the example, or the id of the run.
    """
    with session.waiting(f"replaying {example}") as client:
        file = Path(example)
        kept = read_example(file) if file.suffix or file.exists() else example_of_run(client, example)
        answer = replay_example(client, kept)
    trail = session.client.audit_url(answer["test_run_id"])
    session.show(answer, lambda console, run: display.scenario(console, run, trail))


@app.command(help_epilogue="Example:  atdm reset 01KS3J3H4D4AFCQD98SEPJCPBP --token TOKEN")
def reset(run: str, /, *, token: CleanupToken, session: InSession) -> None:
    """Remove the rows of one run from the target; repeating it is harmless.

    Parameters
    ----------
    run
        The run id that `atdm request` told.
    token
        The cleanup token that `atdm request` told.
    """
    with session.waiting(f"resetting {run}") as client:
        answer = client.reset_run(run, token)
    session.show(answer, display.reset)


@app.command(help_epilogue="Example:  atdm reset-all --confirm")
def reset_all(*, confirm: Confirmation, session: InSession) -> None:  # noqa: ARG001 - its validator has judged it
    """Remove the rows of every run from the target, whoever asked for them; reference rows stay.

    Parameters
    ----------
    confirm
        Say that this is meant: other people's runs go too.
    """
    with session.waiting("resetting every run") as client:
        answer = client.reset_all()
    trail = session.client.audit_url(answer["audit_run_id"])
    session.show(answer, lambda console, told: display.reset_all(console, told, trail))


@app.command(help_epilogue="Example:  atdm baseline-snapshot --baseline-id before-release-7")
def baseline_snapshot(*, baseline_id: str | None = None, session: InSession) -> None:
    """Store every table of the target as it is at one moment.

    Parameters
    ----------
    baseline_id
        A name to restore it by; the server makes one, if not given.
    """
    with session.waiting("taking a snapshot") as client:
        answer = client.baseline_snapshot(baseline_id)
    trail = session.client.audit_url(answer["audit_run_id"])
    session.show(answer, lambda console, told: display.snapshot(console, told, trail))


@app.command(help_epilogue="Example:  atdm baseline-restore --baseline-id before-release-7")
def baseline_restore(*, baseline_id: str | None = None, session: InSession) -> None:
    """Put every table of the target back as a baseline holds it, all or nothing; repeating it is harmless.

    Parameters
    ----------
    baseline_id
        The baseline, by the name its snapshot told; the latest, if not given.
    """
    with session.waiting("restoring") as client:
        answer = client.baseline_restore(baseline_id)
    trail = session.client.audit_url(answer["audit_run_id"])
    session.show(answer, lambda console, told: display.restore(console, told, trail))


@app.command(help_epilogue="Example:  atdm extend 01KS3J3H4D4AFCQD98SEPJCPBP --token TOKEN --ttl 3600")
def extend(run: str, /, *, token: CleanupToken, ttl: int, session: InSession) -> None:
    """Let a run live longer: its rows are removed when that time is over.

    Parameters
    ----------
    run
        The run id that `atdm request` told.
    token
        The cleanup token that `atdm request` told with it.
    ttl
        Seconds from now until the server removes the rows by itself.
    """
    session.show(session.client.extend_run(run, token, ttl), display.extension)


@app.command(help_epilogue="Example:  atdm -o json digest > before.json")
def digest(*, session: InSession) -> None:
    """Tell what every table holds, as a number of rows and a digest; with `-o json` for `atdm verify-clean`."""
    with session.waiting("reading every table") as client:
        answer = client.get_digest()
    session.show(answer, display.digest)


@app.command(help_epilogue="Example:  atdm verify-clean before.json")
def verify_clean(before: Path, /, *, session: InSession) -> int:
    """Check that every table holds what it held when `atdm -o json digest` was called; 1 if one does not.

    Parameters
    ----------
    before
        The file that `atdm -o json digest` was written to.
    """
    expected = read_digests(before)
    with session.waiting("reading every table") as client:
        found = client.get_digest()["tables"]
    changed = compare_digests(expected, found)
    session.show({"clean": not changed, "changed": changed}, lambda console, _: display.differences(console, changed))
    return REFUSED if changed else 0


@app.command(help_epilogue="Example:  atdm baseline-list")
def baseline_list(*, session: InSession) -> None:
    """List the stored baselines, newest first."""
    session.show(session.client.baseline_list(), display.baselines)


@app.command(help_epilogue="Example:  atdm audit 01KS3J3H4D4AFCQD98SEPJCPBP")
def audit(run: str, /, *, session: InSession) -> None:
    """Show the audit trail of a run: what was planned, checked, written and removed.

    Parameters
    ----------
    run
        The run id that `atdm request` told.
    """
    page = session.client.audit_url(run)
    session.show(session.client.get_audit(run), lambda console, audit: display.trail(console, audit, page))


@app.command(help_epilogue="Example:  atdm -o json scenarios | jq '.scenarios[].scenario_id'")
def scenarios(*, session: InSession) -> None:
    """List what can be asked for, with every constraint and its allowed values."""
    session.show(session.client.get_scenarios(), display.scenarios)


@app.command(help_epilogue="Example:  atdm packs")
def packs(*, session: InSession) -> None:
    """List the installed packs, and those that cannot be used with the reason."""
    catalog = session.client.get_scenarios()
    domains = dict.fromkeys([*catalog["constraints"], *(entry["domain"] for entry in catalog["scenarios"])])
    listed: PackList = {
        "packs": [
            {
                "domain": domain,
                "scenarios": [entry["scenario_id"] for entry in catalog["scenarios"] if entry["domain"] == domain],
                "constraints": list(catalog["constraints"].get(domain, ())),
            }
            for domain in domains
        ],
        "broken_packs": catalog["broken_packs"],
    }
    session.show(listed, display.packs)


@app.command(help_epilogue="Example:  atdm runs --scenario active_member_clean --since 2026-11-01 --limit 5")
def runs(
    *,
    scenario: str | None = None,
    status: RunStatus | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    session: InSession,
) -> None:
    """List past runs, newest first.

    Parameters
    ----------
    scenario
        Only runs of this scenario.
    status
        Only runs that are so now.
    since
        Only runs since this day or instant, as 2026-11-01 or 2026-11-01T08:30:00; of this machine's time zone.
    limit
        At most this many.
    """
    moment = since.astimezone() if since else None
    found = session.client.list_runs(scenario=scenario, since=moment, status=status, limit=limit)
    session.show(found, display.runs)


@app.command(help_epilogue="Example:  atdm completion bash > ~/.local/share/bash-completion/completions/atdm")
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that lets a shell complete commands and options.

    Parameters
    ----------
    shell
        bash: save it as ~/.local/share/bash-completion/completions/atdm; zsh: as _atdm in a folder of $fpath;
        fish: as ~/.config/fish/completions/atdm.fish.
    """
    print(app.meta.generate_completion(shell=shell))


app.command(
    volume,
    help_epilogue=(
        "Example:  atdm volume healthcare --mix active_member_clean=70,claim_denial_active_member=30 "
        "--count 1000 --to target"
    ),
)
_commands_of_others = add_commands_of_others(app)


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    output: Annotated[OutputFormat, Parameter(name=("--output", "-o"), show_default=True)] = "human",
) -> int:
    """Run one command.

    Parameters
    ----------
    output
        human: tables for people; json: exactly the API's answer. Before or after the command.
    """
    command, bound, left_out = app.parse_args(tokens)
    if not left_out:  # --help and --version need no server, nor settings that make sense
        command(*bound.args, **bound.kwargs)
        return 0
    try:
        if "output" in left_out:  # a command of another package, which asks no API and says itself how it ended
            return cast("int", command(*bound.args, **bound.kwargs, output=output))
        with AtdmClient() as client:
            code = cast("int | None", command(*bound.args, **bound.kwargs, session=Session(client, output)))
    except AtdmClientError as error:
        return _report(error, output)
    except KeyboardInterrupt:
        print("atdm: interrupted; what was sent may have been carried out: look at `atdm runs`", file=sys.stderr)
        return INTERRUPTED
    return code or 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (default: of this process) and exit with its code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words or words[0] in app.help_flags:
        for name in _commands_of_others:
            with suppress(ImportError):  # a broken package must not keep the others from being listed
                _ = app[name]  # only a loaded command can say what it does
    code = cast("object", app.meta(words))
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: AtdmClientError, output: OutputFormat) -> int:
    if output == "json":
        print(json.dumps(error.as_json()), file=sys.stderr)
    else:
        untold = error.untold_details()
        print(f"atdm: {error}" + (f" ({'; '.join(untold)})" if untold else ""), file=sys.stderr)
    if isinstance(error, AtdmUnreachable):
        return UNREACHABLE
    return USAGE if isinstance(error, AtdmSettingsError) else REFUSED
