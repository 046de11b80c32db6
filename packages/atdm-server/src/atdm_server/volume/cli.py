"""`atdm volume` into files: the `atdm` program finds it by entry point, group `atdm.volumes`.

Exit codes: 0 the volume is there, 1 a bundle was refused, 2 usage, 3 the store cannot be reached.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Literal

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from atdm_core import AtdmError, Pack, Registry
from atdm_core.errors import GeneratorFailed, InvalidRequest, StoreUnavailable, ValidatorRejected
from atdm_core.ids import check_id, derive_seed, new_id
from atdm_core.volume import Volume
from atdm_server.volume.engines import MapUnordered, in_processes, on_ray
from atdm_server.volume.files import Receipt, VolumeManifest
from atdm_server.volume.folder import VolumeFolder, open_folder

__all__ = ["volume"]

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


def volume(
    domain: str,
    /,
    *,
    mix: str,
    count: int,
    to: str,
    seed: int | None = None,
    as_of: date | None = None,
    run: str | None = None,
    shard_size: int | None = None,
    workers: int | None = None,
    engine: Literal["processes", "ray"] = "processes",
    output: str = "human",
) -> int:
    """Make a volume into files below `to`, and tell about it; returns the exit code.

    The words are explained where they are typed: in the client's `atdm volume`.
    """
    try:
        pack = Registry().pack(domain)
        given = {"seed": seed, "as_of": as_of, "run_id": run, "shard_size": shard_size}
        wanted = {name: value for name, value in given.items() if value is not None}
        if workers is not None and workers < 1:
            raise InvalidRequest(f"--workers cannot be {workers}; use 1 or more")
        folder = open_folder(to, pack, lambda begun: _define(pack, mix, count, wanted, begun))
        started = time.perf_counter()
        manifest = _written(folder, _engine(engine, min(workers or os.cpu_count() or 1, len(folder.missing))))
        seconds = time.perf_counter() - started
    except AtdmError as error:
        return _refuse(error, output)
    if output == "json":
        told = {"place": folder.place, **msgspec.to_builtins(manifest, builtin_types=()), "seconds": round(seconds, 3)}
        print(json.dumps({name: value for name, value in told.items() if name != "files"}, indent=2))
    else:
        print("\n".join(_told(folder, manifest, seconds)))
    return DONE


def _define(pack: Pack, mix: str, count: int, given: Mapping[str, object], begun: Volume | None) -> Volume:
    """The volume that is asked for; what is not said is as it was begun, or chosen now."""
    run_id = check_id(str(given.get("run_id") or (begun.run_id if begun else new_id())))
    chosen: dict[str, object] = {
        "seed": begun.seed if begun else derive_seed(run_id),
        "as_of": begun.as_of if begun else datetime.now(UTC).date(),
        "shard_size": begun.shard_size if begun else 200_000,
    }
    said = {"domain": pack.name, "pack_version": pack.version, "mix": _weights(mix), "count": count}
    for scenario in _weights(mix):
        pack.scenario(scenario)
    try:
        return msgspec.convert({**chosen, **given, **said, "run_id": run_id}, Volume)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"no such volume can be made: {error}") from error


def _weights(mix: str) -> dict[str, int]:
    weights: dict[str, int] = {}
    for part in mix.split(","):
        scenario, _, weight = part.strip().partition("=")
        if not scenario or not weight.isdecimal() or int(weight) == 0 or scenario in weights:
            raise InvalidRequest(f"--mix: {part!r} is not SCENARIO=WEIGHT, each scenario once and each weight above 0")
        weights[scenario] = int(weight)
    return weights


def _engine(engine: Literal["processes", "ray"], workers: int) -> MapUnordered:
    if engine == "ray":
        return on_ray()
    return in_processes(workers) if workers > 1 else map


def _written(folder: VolumeFolder, map_unordered: MapUnordered) -> VolumeManifest:
    """Write the volume, with a bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("bundles", total=folder.volume.count, speed="")
        progress.advance(task, sum(receipt.count for receipt in folder.kept))
        started, rows = time.perf_counter(), 0

        def tell(receipt: Receipt) -> None:
            nonlocal rows
            rows += sum(file.rows for file in receipt.files)
            speed = rows / (time.perf_counter() - started)
            progress.update(task, advance=receipt.count, speed=f"{speed:,.0f} rows/s")

        return folder.write(map_unordered, tell)


def _told(folder: VolumeFolder, manifest: VolumeManifest, seconds: float) -> list[str]:
    made = sum(manifest.rows.values()) - sum(file.rows for receipt in folder.kept for file in receipt.files)
    lines = [f"{folder.place}  {manifest.volume.count:,} bundles, {sum(manifest.rows.values()):,} rows"]
    lines.append("  ".join(f"{table} {rows:,}" for table, rows in manifest.rows.items()))
    lines += [f"{len(folder.kept)} shards were there already"] if folder.kept else []
    lines.append(f"{manifest.size / 1e6:,.1f} MB, {made:,} rows made in {seconds:.1f} s: {made / seconds:,.0f} rows/s")
    lines.append(f"run {manifest.volume.run_id}, seed {manifest.volume.seed}, as of {manifest.volume.as_of}")
    lines.append(f"digest {manifest.digest}")
    return lines


def _refuse(error: AtdmError, output: str) -> int:
    if output == "json":
        told = {"code": error.code, "message": error.message, "details": msgspec.to_builtins(error.details)}
        print(json.dumps({"error": told}), file=sys.stderr)
    else:
        print(f"atdm: {error.code}: {error.message}", file=sys.stderr)
    if isinstance(error, StoreUnavailable):
        return UNREACHABLE
    return REFUSED if isinstance(error, (ValidatorRejected, GeneratorFailed)) else USAGE
