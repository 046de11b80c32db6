"""Commands on runs, one at a time, and on what can be asked for.

Each asks the client for one answer and shows it; `display` knows how it looks.
"""

from datetime import date, datetime
from pathlib import Path

from cyclopts import App

from atdm import display
from atdm.commands.session import CleanupToken, InSession
from atdm.constraint_words import ConstraintWords
from atdm.contract import PackList, RunStatus
from atdm.replay import example_of_run, read_example
from atdm.replay import replay as replay_example

__all__ = ["commands"]

commands = App(help_flags=(), version_flags=())  # those of the program


@commands.command(help_epilogue="Example:  atdm request expired_eligibility -c procedure_code=70553 --seed 7")
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


@commands.command(help_epilogue="Example:  atdm replay .atdm/examples/test_denied_claims.json")
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


@commands.command(help_epilogue="Example:  atdm extend 01KS3J3H4D4AFCQD98SEPJCPBP --token TOKEN --ttl 3600")
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


@commands.command(help_epilogue="Example:  atdm reset 01KS3J3H4D4AFCQD98SEPJCPBP --token TOKEN")
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


@commands.command(help_epilogue="Example:  atdm runs --scenario active_member_clean --since 2026-11-01 --limit 5")
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


@commands.command(help_epilogue="Example:  atdm audit 01KS3J3H4D4AFCQD98SEPJCPBP")
def audit(run: str, /, *, session: InSession) -> None:
    """Show the audit trail of a run: what was planned, checked, written and removed.

    Parameters
    ----------
    run
        The run id that `atdm request` told.
    """
    page = session.client.audit_url(run)
    session.show(session.client.get_audit(run), lambda console, audit: display.trail(console, audit, page))


@commands.command(help_epilogue="Example:  atdm -o json scenarios | jq '.scenarios[].scenario_id'")
def scenarios(*, session: InSession) -> None:
    """List what can be asked for, with every constraint and its allowed values."""
    session.show(session.client.get_scenarios(), display.scenarios)


@commands.command(help_epilogue="Example:  atdm packs")
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
