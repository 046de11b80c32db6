"""Following a page: what is done with its blocks, and that a stale one fails."""

from pathlib import Path

import pytest

from tests.docs.how_to import Block, Checkout


@pytest.fixture
def atdm(tmp_path: Path) -> Checkout:
    """A checkout that holds nothing."""
    return Checkout(tmp_path / "atdm")


def typed(text: str) -> Block:
    """A block of commands."""
    return Block("sh", "", text)


def shown(text: str) -> Block:
    """A block of output."""
    return Block("text", "", text)


def test_files_are_written_and_exports_last(atdm: Checkout) -> None:
    """A file stands where its title says, and what one block exports the next one has."""
    page = [
        Block("python", "../pack/one.py", "print(1)\n"),
        typed("export WHERE=../pack"),
        typed("cat $WHERE/one.py"),
        shown("print(1)"),
    ]
    atdm.follow(page)


def test_words_of_the_page_stand_for_what_was_told(atdm: Checkout) -> None:
    """A run that was told is the same wherever the page names it again, in commands and in what they print."""
    atdm.follow(
        [typed("echo 01ABC ready in 3s"), shown("RUN ready in …s"), typed("echo again RUN"), shown("again RUN")]
    )
    assert atdm.known == {"RUN": "01ABC"}
    with pytest.raises(AssertionError, match="the page shows"):
        atdm.follow([typed("echo 01XYZ ready"), shown("RUN ready")])


@pytest.mark.parametrize(
    "stale",
    [
        [typed("echo new"), shown("old")],
        [typed("echo new; echo more"), shown("new")],
        [typed("false; true")],
        [typed("false | cat")],
        [typed("no-such-command")],
        [typed("refused() { true; }; refused")],
    ],
)
def test_a_stale_page_fails(atdm: Checkout, stale: list[Block]) -> None:
    """Other output, a command that fails, and one that should fail and does not, are all found out."""
    with pytest.raises(AssertionError):
        atdm.follow(stale, refused=["refused"])
