"""The `atdm` command. Each command asks the client for one answer and shows it; `display` knows how it looks.

Exit codes: 0 done, 1 the API refused, 2 usage (arguments, settings), 3 the API cannot be reached.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeVar, cast

from cyclopts import App, CycloptsError, Parameter, Token
from rich.console import Console
from rich.text import Text

from atdm import __version__, display
from atdm.client import AtdmClient
from atdm.errors import AtdmClientError, AtdmSettingsError, AtdmUnreachable

__all__ = ["app", "main"]

Answer = TypeVar("Answer")
OutputFormat = Literal["human", "json"]

REFUSED, USAGE, UNREACHABLE = 1, 2, 3


@dataclass(frozen=True)
class Session:
    """What every command works with: the client, and the form the user wants answers in."""

    client: AtdmClient
    output: OutputFormat

    def show(self, answer: Answer, draw: Callable[[Console, Answer], None]) -> None:
        """Print the API's answer as it came, or let `draw` tell it to a person."""
        if self.output == "json":
            print(json.dumps(answer, indent=2))
        else:
            draw(display.open_console(), answer)


InSession = Annotated[Session, Parameter(parse=False)]


def _read_pairs(_: type, tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """key=value, as often as given; values stay text, because 00000 is a code and not a number."""
    pairs: dict[str, str] = {}
    for token in tokens:
        name, equals, value = (part.strip() for part in token.value.partition("="))
        if not (name and equals):
            raise ValueError(f"{token.value!r} is not of the form key=value, as in -c claim_status=denied")
        if name in pairs:
            raise ValueError(f"{name!r} is given more than once; give it one value")
        pairs[name] = value
    return list(pairs.items())


Pairs = Annotated[
    list[tuple[str, str]],
    Parameter(name=("-c", "--constraint"), converter=_read_pairs, n_tokens=1, metavar="KEY=VALUE"),
]

# Tokens are URL-safe base64: one in 64 begins with a hyphen and is no option for that.
CleanupToken = Annotated[str, Parameter(allow_leading_hyphen=True)]


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
    constraint: Pairs | None = None,
    domain: str | None = None,
    seed: int | None = None,
    as_of: date | None = None,
    ttl: int | None = None,
    records: bool = False,
    playwright: bool = False,
    pytest: bool = False,
    no_seed_target: bool = False,
    session: InSession,
) -> None:
    """Seed a scenario into the target and tell its ids and how to clean up.

    Parameters
    ----------
    scenario
        What the data must show; `atdm scenarios` lists them.
    constraint
        What the data must be, once per constraint; `atdm scenarios` lists what is allowed.
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
    """
    answer = session.client.request_scenario(
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
    )
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
    session.show(session.client.reset_run(run, token), display.reset)


@app.command(help_epilogue="Example:  atdm audit 01KS3J3H4D4AFCQD98SEPJCPBP")
def audit(run: str, /, *, session: InSession) -> None:
    """Show the audit trail of a run: what was planned, checked, written and removed.

    Parameters
    ----------
    run
        The run id that `atdm request` told.
    """
    session.show(session.client.get_audit(run), display.trail)


@app.command(help_epilogue="Example:  atdm -o json scenarios | jq '.scenarios[].scenario_id'")
def scenarios(*, session: InSession) -> None:
    """List what can be asked for, with every constraint and its allowed values."""
    session.show(session.client.get_scenarios(), display.scenarios)


@app.command(help_epilogue="Example:  atdm runs --scenario active_member_clean --since 2026-11-01 --limit 5")
def runs(
    *,
    scenario: str | None = None,
    status: str | None = None,
    since: str | None = None,
    limit: int | None = None,
    session: InSession,
) -> None:
    """List past runs, newest first.

    Parameters
    ----------
    scenario
        Only runs of this scenario.
    status
        Only runs that ended so, for example ready or cleaned.
    since
        Only runs since this day or instant, in ISO 8601.
    limit
        At most this many.
    """
    found = session.client.list_runs(scenario=scenario, since=since, status=status, limit=limit)
    session.show(found, display.runs)


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
    if "session" not in left_out:  # --help and --version need no server, nor settings that make sense
        command(*bound.args, **bound.kwargs)
        return 0
    try:
        with AtdmClient() as client:
            command(*bound.args, **bound.kwargs, session=Session(client, output))
    except AtdmClientError as error:
        return _report(error, output)
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (default: of this process) and exit with its code."""
    code = cast("object", app.meta(sys.argv[1:] if arguments is None else list(arguments)))
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
