"""What is known about runs before they are looked at, sorted by run without holding all of it in memory."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import groupby
from types import TracebackType
from typing import IO, Final, Literal, Self

import msgspec

__all__ = ["Fact", "Facts"]

_IN_MEMORY: Final = 50_000  # facts; more go into temporary files, each of them sorted


class Fact(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One thing that some object says of a run.

    `object`: there is an object of the run, `key`. `open`, `close`, `denied`: the segment `key` has such a mark.
    `checkpoint`: a checkpoint has seen the run. Of marks and checkpoints, `head` is a hash (hex) that the trail passes
    through, at `count` entries where that is told (-1 where it is not).
    """

    run_id: str
    kind: Literal["object", "open", "close", "denied", "checkpoint"]
    key: str
    state: str = ""
    head: str = ""
    count: int = -1
    token_sha256: str = ""


class Facts:
    """Facts in, facts by run out. A context manager: its temporary files go when it ends."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._facts: list[Fact] = []
        self._files: list[IO[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, fact: Fact) -> None:
        """Take a fact in."""
        self._facts.append(fact)
        if len(self._facts) >= self._in_memory:
            file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            for each in sorted(self._facts):
                data = msgspec.msgpack.encode(each)
                file.write(len(data).to_bytes(4, "big") + data)
            self._files.append(file)
            self._facts = []

    def by_run(self) -> Iterator[tuple[str, list[Fact]]]:
        """Every run that there is a fact of, in the order of the ids, with all its facts."""
        merged = merge(*map(_read_all, self._files), sorted(self._facts))
        for run_id, facts in groupby(merged, key=lambda fact: fact.run_id):
            yield run_id, list(facts)


def _read_all(file: IO[bytes]) -> Iterator[Fact]:
    decoder = msgspec.msgpack.Decoder(Fact)
    file.seek(0)
    while size := file.read(4):
        yield decoder.decode(file.read(int.from_bytes(size, "big")))
