"""Volumes as files: the same bytes whoever makes them, and however often it is interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow.parquet as pq
import pytest

from atdm_core.errors import InvalidRequest, StoreUnavailable
from atdm_core.volume import Volume
from atdm_healthcare import PACK
from atdm_server.errors import SettingsInvalid
from atdm_server.volume import MapUnordered, Receipt, VolumeManifest, in_processes, on_ray, open_folder
from tests.s3 import S3
from tests.stack.processes import alive, descendants, wait_until

_A = TypeVar("_A")
_B = TypeVar("_B")

VOLUME = Volume(
    domain="healthcare",
    pack_version=PACK.version,
    mix={"active_member_clean": 70, "claim_denial_active_member": 30},
    count=1000,
    shard_size=100,
    seed=7,
    as_of=date(2026, 7, 4),
    run_id="01J00000000000000000000000",
)


def write(place: Path | str, map_unordered: MapUnordered = map, volume: Volume = VOLUME) -> VolumeManifest:
    """Write the volume, or what is missing of it."""
    return open_folder(str(place), PACK, lambda begun: volume).write(map_unordered, lambda receipt: None)


class Interrupted(Exception):
    """The power is gone."""


def interrupted_after(answers: int) -> MapUnordered:
    """An engine that fails after so many answers."""

    def map_unordered(fn: Callable[[_A], _B], shards: Iterable[_A], /) -> Iterator[_B]:
        for number, shard in enumerate(shards):
            if number == answers:
                raise Interrupted
            yield fn(shard)

    return map_unordered


def backwards(fn: Callable[[_A], _B], shards: Iterable[_A], /) -> Iterator[_B]:
    """An engine that answers in another order."""
    return map(fn, list(shards)[::-1])


def test_a_folder_holds_what_the_manifest_says(tmp_path: Path) -> None:
    """Rows, sizes and digests of the manifest are those of the files, and the mixture is exact."""
    manifest = write(tmp_path)
    assert manifest == msgspec.json.decode((tmp_path / "manifest.json").read_bytes(), type=VolumeManifest)
    assert manifest.rows == dict.fromkeys(("claim", "eligibility", "member", "plan", "provider"), 1000)
    for file in manifest.files:
        data = (tmp_path / file.key).read_bytes()
        assert (file.size, file.sha256) == (len(data), sha256(data).hexdigest())
        assert file.rows == pq.ParquetFile(tmp_path / file.key).metadata.num_rows
    statuses: list[str] = pq.read_table(tmp_path / "claim")["status"].to_pylist()
    assert (statuses.count("paid"), statuses.count("denied")) == (700, 300)


def test_the_digest_can_be_had_with_sha256sum(tmp_path: Path) -> None:
    """The digest of a volume is that of what `sha256sum` prints for its Parquet files."""
    manifest = write(tmp_path)
    printed = subprocess.run(
        ["sh", "-c", "LC_ALL=C; export LC_ALL; sha256sum */*.parquet | sha256sum"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.split()[0] == manifest.digest


def test_texts_are_texts_for_every_reader(tmp_path: Path) -> None:
    """A column has one type in all files, whether its values were held as a dictionary or not."""
    write(tmp_path)
    schemas = {str(pq.ParquetFile(path).schema_arrow) for path in (tmp_path / "member").iterdir()}
    assert len(schemas) == 1
    kinds = {
        field.name: str(field.type) for field in pq.ParquetFile(tmp_path / "claim" / "000000.parquet").schema_arrow
    }
    assert kinds["claim_id"] == kinds["status"] == kinds["denial_reason"] == "string"
    assert kinds["submitted_at"] == "timestamp[ms, tz=UTC]"


def test_engines_make_the_same_bytes(tmp_path: Path) -> None:
    """A volume has one digest, in whatever order and by however many processes it is made."""
    digest = write(tmp_path / "one").digest
    assert write(tmp_path / "backwards", backwards).digest == digest
    assert write(tmp_path / "pool", in_processes(2)).digest == digest


def test_ray_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that a Ray cluster makes has the digest of every other."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert write(tmp_path / "ray", on_ray()).digest == write(tmp_path / "one").digest


def test_s3_holds_the_same_bytes(tmp_path: Path, s3: S3) -> None:
    """A volume in an object store has the same files and the same digest, and goes on where it was interrupted."""
    with s3.in_environment():
        with pytest.raises(Interrupted):
            write("s3://atdm-catalog/volumes/one", interrupted_after(3))
        folder = open_folder("s3://atdm-catalog/volumes/one", PACK, lambda begun: VOLUME)
        assert len(folder.kept) == 3
        manifest = folder.write(map, lambda receipt: None)
    assert manifest == write(tmp_path)
    (file, *_) = manifest.files
    assert sha256(s3.read("atdm-catalog", f"volumes/one/{file.key}")).hexdigest() == file.sha256


@pytest.mark.parametrize("answers", [0, 1, 9])
def test_an_interrupted_volume_goes_on(tmp_path: Path, answers: int) -> None:
    """What was finished is not made again, and the whole is what it would have been."""
    with pytest.raises(Interrupted):
        write(tmp_path / "one", interrupted_after(answers))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*.parquet")}
    told: list[Receipt] = []
    folder = open_folder(str(tmp_path / "one"), PACK, lambda begun: begun or pytest.fail("nothing was begun"))
    manifest = folder.write(map, told.append)
    assert (len(folder.kept), len(told)) == (answers, 10 - answers)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert manifest.digest == write(tmp_path / "whole").digest


def test_a_lost_file_is_made_again(tmp_path: Path) -> None:
    """A shard whose file somebody deleted counts as unfinished, and the file comes back as it was."""
    manifest = write(tmp_path)
    (tmp_path / "claim" / "000004.parquet").unlink()
    (tmp_path / "manifest.json").unlink()
    folder = open_folder(str(tmp_path), PACK, lambda begun: VOLUME)
    assert [shard.number for shard in folder.missing] == [4]
    assert folder.write(map, lambda receipt: None) == manifest


def test_a_finished_volume_stays(tmp_path: Path) -> None:
    """Writing a volume again makes nothing and says the same."""
    manifest = write(tmp_path)
    assert write(tmp_path, interrupted_after(0)) == manifest


def test_another_volume_is_refused(tmp_path: Path) -> None:
    """A place belongs to one volume; the order of the mixture is part of it."""
    write(tmp_path)
    for other in (
        {"seed": 8},
        {"count": 1001},
        {"mix": {name: VOLUME.mix[name] for name in sorted(VOLUME.mix, reverse=True)}},
    ):
        changed = msgspec.structs.replace(VOLUME, **other)
        with pytest.raises(InvalidRequest, match=r"another volume was begun at .*: look at its volume\.json"):
            write(tmp_path, volume=changed)


def test_other_things_are_left_alone(tmp_path: Path) -> None:
    """Nothing is written to a folder that holds something else, or over a file that is not the volume's own."""
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(InvalidRequest, match="is not empty, and no volume was begun there"):
        write(tmp_path)
    with pytest.raises(Interrupted):
        write(tmp_path / "begun", interrupted_after(0))
    (tmp_path / "begun" / "plan").mkdir()
    (tmp_path / "begun" / "plan" / "000000.parquet").write_text("Dear")
    with pytest.raises(StoreUnavailable, match=r"plan/000000\.parquet exists and is another file"):
        write(tmp_path / "begun")


@pytest.mark.parametrize("place", ["gs://bucket/prefix", "s3://", "file://elsewhere/folder"])
def test_unknown_places_are_refused(place: str) -> None:
    """A URL of another kind is refused with what can be used."""
    with pytest.raises(SettingsInvalid, match="use the path of a folder, or s3://bucket/prefix"):
        write(place)


PROGRAM = """
import sys
from atdm_healthcare import PACK
from atdm_server.volume import in_processes, open_folder
if __name__ == "__main__":
    folder = open_folder(sys.argv[1], PACK, lambda begun: begun)
    folder.write(in_processes(2), lambda receipt: print(receipt.shard, flush=True))
"""


def test_a_killed_process_leaves_nothing_wrong(tmp_path: Path) -> None:
    """After kill -9 its workers end too, finished shards are kept, and the whole is what it would have been."""
    volume = msgspec.structs.replace(VOLUME, count=100_000, shard_size=1000)
    with pytest.raises(Interrupted):
        write(tmp_path / "one", interrupted_after(0), volume)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, program, tmp_path / "one"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        workers = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
    assert (len(workers) >= 2, all(told)) == (True, True)
    wait_until(lambda: not alive(workers), "the end of the workers")
    assert not (tmp_path / "one" / "manifest.json").exists()
    folder = open_folder(str(tmp_path / "one"), PACK, lambda begun: volume)
    assert 3 <= len(folder.kept) < 100
    assert folder.write(map, lambda receipt: None).digest == write(tmp_path / "whole", volume=volume).digest
