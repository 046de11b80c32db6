"""Commands on the whole target: take everything back, keep and restore its tables, prove that they are as they were.

Each asks the client for one answer and shows it; `display` knows how it looks.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atdm import display
from atdm.commands.session import InSession
from atdm.digests import compare_digests, read_digests

__all__ = ["commands"]

CHANGED = 1  # exit code

commands = App(help_flags=(), version_flags=())  # those of the program


def _must_be_said(_: type, said: bool) -> None:  # noqa: FBT001 - as cyclopts calls a validator
    if not said:
        raise ValueError("nothing is done without it")


Confirmation = Annotated[bool, Parameter(validator=_must_be_said)]


@commands.command(help_epilogue="Example:  atdm reset-all --confirm")
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


@commands.command(help_epilogue="Example:  atdm baseline-snapshot --baseline-id before-release-7")
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


@commands.command(help_epilogue="Example:  atdm baseline-restore --baseline-id before-release-7")
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


@commands.command(help_epilogue="Example:  atdm baseline-list")
def baseline_list(*, session: InSession) -> None:
    """List the stored baselines, newest first."""
    session.show(session.client.baseline_list(), display.baselines)


@commands.command(help_epilogue="Example:  atdm -o json digest > before.json")
def digest(*, session: InSession) -> None:
    """Tell what every table holds, as a number of rows and a digest; with `-o json` for `atdm verify-clean`."""
    with session.waiting("reading every table") as client:
        answer = client.get_digest()
    session.show(answer, display.digest)


@commands.command(help_epilogue="Example:  atdm verify-clean before.json")
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
    return CHANGED if changed else 0
