"""`atdm verify` and `atdm checkpoint`: commands for the `atdm` program, which finds them by entry point.

Exit codes: 0 nothing is wrong, 1 something is, 2 usage, 3 the store cannot be reached.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from atdm_core import AtdmError
from atdm_core.errors import StoreUnavailable
from atdm_core.ids import check_id
from atdm_server.errors import SettingsInvalid
from atdm_server.verify.checkpoint import CheckpointWriter
from atdm_server.verify.report import Report
from atdm_server.verify.store import verify_store

__all__ = ["checkpoint", "verify"]

CLEAN, WRONG, USAGE, UNREACHABLE = 0, 1, 2, 3


def verify(
    *,
    run: str | None = None,
    all_: bool = False,
    checkpoint: Path | None = None,
    public_key: list[Path] | None = None,
    store: str | None = None,
    output: str = "human",
) -> int:
    """Check the audit trails on the bare objects of a store, without a server, and tell what is wrong where.

    Example:  atdm verify --checkpoint trail.checkpoint

    Parameters
    ----------
    run
        Check this run alone, and what the process logs say of it.
    all_
        Check every run, which is also what happens without `--run`.
    checkpoint
        A file of `atdm checkpoint`; what it has seen must still be there.
    public_key
        A public key in PEM, once per key; every segment of the process logs must be signed by the owner of one.
    store
        The store, as in ATDM_STORE_URL, which counts if this is not given, or else the local stack's.
    """
    try:
        if run is not None and all_:
            raise SettingsInvalid("--run and --all exclude one another")
        run_id = None if run is None else check_id(run)
        url = _store_url(store, os.environ)
        report = asyncio.run(verify_store(url, run_id=run_id, checkpoint=checkpoint, public_keys=public_key or ()))
        _require_objects(report)
    except AtdmError as error:
        return _refuse(error, output)
    if output == "json":
        print(json.dumps(msgspec.to_builtins(report), indent=2))
    else:
        print("\n".join(_told(report)))
    return CLEAN if report.ok else WRONG


def checkpoint(*, out: Path | None = None, store: str | None = None, output: str = "human") -> int:
    """Write down how far every trail and log has come, for `atdm verify --checkpoint`; keep it away from the store.

    Nothing is written when something is wrong already.

    Example:  atdm checkpoint --out trail.checkpoint

    Parameters
    ----------
    out
        The file to write; the standard output, if not given.
    store
        The store, as in ATDM_STORE_URL, which counts if this is not given, or else the local stack's.
    """
    try:
        url = _store_url(store, os.environ)
        with tempfile.TemporaryFile() as draft:
            writer = CheckpointWriter(draft)
            report = asyncio.run(verify_store(url, collect=writer.write))
            _require_objects(report)
            if not report.ok:
                print("\n".join(_told(report)), file=sys.stderr)
                return WRONG
            writer.end()
            draft.seek(0)
            if out is None:
                shutil.copyfileobj(draft, sys.stdout.buffer)
                return CLEAN
            with out.open("wb") as file:
                shutil.copyfileobj(draft, file)
    except OSError as error:
        return _refuse(SettingsInvalid(f"{out} cannot be written: {error.strerror}"), output)
    except AtdmError as error:
        return _refuse(error, output)
    told = {"checkpoint": str(out), "store": url, "logs": writer.logs, "runs": writer.runs}
    print(json.dumps(told, indent=2) if output == "json" else f"{out}  {writer.logs} logs, {writer.runs} runs")
    return CLEAN


def _store_url(given: str | None, environment: Mapping[str, str]) -> str:
    url = given or environment.get("ATDM_STORE_URL")
    if url:
        return url
    stack_file = Path(environment.get("ATDM_HOME") or ".atdm") / "stack.json"
    try:
        return cast("dict[str, str]", json.loads(stack_file.read_text(encoding="utf-8")))["object_store_url"]
    except FileNotFoundError:
        raise SettingsInvalid("which store? use --store, or set ATDM_STORE_URL") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid(f"cannot read {stack_file}: {error!r}; run `make up` again or use --store") from error


def _require_objects(report: Report) -> None:
    """A store that never was would have nothing wrong in it."""
    if report.ok and report.looked_at.objects == 0:
        raise SettingsInvalid(f"there is nothing at {report.store}; is that the URL that the server has?")


def _told(report: Report) -> list[str]:
    """The report for a person: what was looked at, what is unfinished, what is wrong."""
    seen = report.looked_at
    runs = f"{seen.runs} runs with {seen.entries} entries"
    lines = [f"{report.store}: {seen.objects} objects, {runs}, {seen.segments} segments in {seen.logs} logs"]
    lines += [f"open   {run.run_id}: {run.reason}" for run in report.open_runs]
    for problem in report.problems:
        place = "" if problem.entry is None else f", entry {problem.entry}"
        lines.append(f"WRONG  {problem.key}{place}: {problem.message} ({problem.code})")
    untold = report.problem_count - len(report.problems)
    lines += [f"WRONG  and {untold} more"] if untold else []
    lines.append("nothing is wrong" if report.ok else f"{report.problem_count} wrong")
    return lines


def _refuse(error: AtdmError, output: str) -> int:
    if output == "json":
        told = {"code": error.code, "message": error.message, "details": msgspec.to_builtins(error.details)}
        print(json.dumps({"error": told}), file=sys.stderr)
    else:
        print(f"atdm: {error.code}: {error.message}", file=sys.stderr)
    return UNREACHABLE if isinstance(error, StoreUnavailable) else USAGE
