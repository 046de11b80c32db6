"""`atdm volume`: into the target through the server, or into files by the server's package where it is installed."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import entry_points
from typing import Annotated, Final, Literal, cast

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from atdm import display
from atdm.client import AtdmClient
from atdm.contract import VolumeAnswer, VolumeProgress
from atdm.errors import AtdmClientError, AtdmSettingsError
from atdm.exit_codes import INTERRUPTED

__all__ = ["volume"]

TARGET: Final = "target"


def volume(
    domain: str,
    /,
    *,
    mix: str,
    count: int,
    to: str,
    seed: int | None = None,
    as_of: date | None = None,
    ttl: int | None = None,
    run: str | None = None,
    shard_size: int | None = None,
    workers: int | None = None,
    engine: Literal["processes", "ray"] | None = None,
    output: Annotated[str, Parameter(parse=False)],
) -> int:
    """Make many bundles of a mixture of scenarios, validated: rows in the target, or Parquet files.

    Into the target they go through the server, as one run with a cleanup token; Ctrl-C takes it back.
    Files need neither server nor target; after an interruption the same command goes on where it stopped, and the same
    seed, day and run give the same bytes.

    Parameters
    ----------
    domain
        The pack; `atdm packs` lists them.
    mix
        The scenarios, each with its weight: `active_member_clean=70,claim_denial_active_member=30`.
    count
        The number of bundles; each has the rows of one scenario.
    to
        `target`; or a new folder (`./target`, if that is its name); or `s3://bucket/prefix`.
    seed
        What all values come from; one that follows from the run, if not given.
    as_of
        The day that all dates are relative to, as YYYY-MM-DD; today in UTC, if not given.
    ttl
        Into the target: seconds until the server removes the rows by itself.
    run
        Into files: the run whose id is in all keys; a new one, if not given.
    shard_size
        Into files: bundles for each shard, which is one file per table; 200,000, if not given.
    workers
        Into files: processes; as many as there are processors, if not given.
    engine
        Into files: processes of this machine (if not given), or ray: tasks of the cluster that RAY_ADDRESS names.
    """
    of_files = {"run": run, "shard_size": shard_size, "workers": workers, "engine": engine}
    given = {name: value for name, value in of_files.items() if value is not None}
    if to != TARGET:
        if ttl is not None:
            raise AtdmSettingsError("--ttl is for rows in the target; files stay until somebody deletes them")
        make = _maker_of_files()
        return make(domain, mix=mix, count=count, to=to, seed=seed, as_of=as_of, output=output, **given)
    if given:
        name = next(iter(given)).replace("_", "-")
        raise AtdmSettingsError(f"--{name} is for files; into the target the server decides")
    weights = _weights(mix)
    started = time.perf_counter()
    with AtdmClient() as client:
        answer = client.create_volume(domain, weights, count, seed=seed, as_of=as_of, ttl_seconds=ttl)
        try:
            end = _followed(client, answer, output)
        except KeyboardInterrupt:
            _take_back(client, answer)
            return INTERRUPTED
        if output == "json":
            print(json.dumps({**answer, **end}, indent=2))
        else:
            seconds, trail = time.perf_counter() - started, client.audit_url(answer["test_run_id"])
            display.volume(display.open_console(), answer, end, seconds, trail)
    return 0


def _followed(client: AtdmClient, answer: VolumeAnswer, output: str) -> VolumeProgress:
    """The last word about a volume; on a terminal with a bar until then."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    console = Console(stderr=True)
    silent = output == "json" or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as progress:
        task = progress.add_task("bundles", total=answer["count"], speed="")
        word: VolumeProgress = {"test_run_id": answer["test_run_id"], "status": "open"}
        for word in client.follow_volume(answer["test_run_id"]):
            if (done := word.get("bundles")) is not None:
                speed = f"{word.get('rows_per_second') or 0:,.0f} rows/s"
                progress.update(task, completed=done, speed=speed)
    return word


def _take_back(client: AtdmClient, answer: VolumeAnswer) -> None:
    """Cancel a volume that nobody waits for any more; a second interruption leaves it to the server."""
    run_id, token = answer["test_run_id"], answer["cleanup"]["cleanup_token"]
    print(f"atdm: interrupted; taking {run_id} back", file=sys.stderr)
    try:
        client.reset_run(run_id, token)
    except (AtdmClientError, KeyboardInterrupt) as error:
        why = f" ({error})" if isinstance(error, AtdmClientError) else ""
        print(f"atdm: the server may go on with it{why}; then: atdm reset {run_id} --token {token}", file=sys.stderr)
    else:
        print("atdm: nothing of it stays in the target", file=sys.stderr)


def _weights(mix: str) -> Mapping[str, int]:
    weights: dict[str, int] = {}
    for part in mix.split(","):
        scenario, _, weight = part.strip().partition("=")
        if not scenario or not weight.isdecimal() or int(weight) == 0 or scenario in weights:
            raise AtdmSettingsError(
                f"--mix: {part!r} is not SCENARIO=WEIGHT, each scenario once and each weight above 0"
            )
        weights[scenario] = int(weight)
    return weights


def _maker_of_files() -> Callable[..., int]:
    for entry in entry_points(group="atdm.volumes", name="files"):
        return cast("Callable[..., int]", entry.load())
    raise AtdmSettingsError(
        "`atdm volume` into files comes with atdm-server; install it beside this program, or say `--to target`"
    )
