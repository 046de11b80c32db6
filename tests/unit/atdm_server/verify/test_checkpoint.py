"""Checkpoint files: written whole, and refused when they are not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from atdm_server.verify import CheckpointInvalid, CheckpointWriter, Heading, LogHead, RunHead, read_checkpoint

HEADS = [LogHead("log", 3, "ab"), RunHead("01A", 7, "cd"), RunHead("01B", 1, "ef")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint."""
    path = tmp_path / "checkpoint"
    with path.open("wb") as stream:
        writer = CheckpointWriter(stream)
        writer.write(Heading("file:///store", datetime(2026, 7, 4, tzinfo=UTC)))
        for head in HEADS:
            writer.write(head)
        writer.end()
    assert (writer.logs, writer.runs) == (1, 2)
    return path


def test_heads_survive_the_round_trip(file: Path) -> None:
    """What was written is read."""
    assert list(read_checkpoint(file)) == HEADS


def test_a_checkpoint_is_plain_text(file: Path) -> None:
    """Each line is a JSON object that anybody can read."""
    assert file.read_text().splitlines()[2] == '{"kind":"run","run_id":"01A","entries":7,"head":"cd"}'


def test_no_line_can_be_lost(file: Path) -> None:
    """A checkpoint without one of its lines, wherever that stood, is refused, as it would miss what the line knew."""
    lines = file.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        file.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
        with pytest.raises(CheckpointInvalid):
            list(read_checkpoint(file))


@pytest.mark.parametrize("content", [b"", b"\n", b"nonsense", b"{}", b"\xff", b'{"kind":"end","lines":0}'])
def test_other_files_are_no_checkpoints(tmp_path: Path, content: bytes) -> None:
    """A file that is no checkpoint is refused by its name."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(CheckpointInvalid, match="other"):
        list(read_checkpoint(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is no empty checkpoint."""
    with pytest.raises(CheckpointInvalid, match="nowhere"):
        list(read_checkpoint(tmp_path / "nowhere"))
