"""Following a page: what is done with its blocks, and that a stale one fails."""

from pathlib import Path

import pytest

from tests.docs.how_to import Block, Checkout, read_blocks

ONE, OTHER = "01KS3J3H4D4AFCQD98SEPJCPBP", "01M82AJGKEWZSA64KQWY6W6VC1"


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
    assert atdm.known["RUN"] == "01ABC"
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
        [typed(f"echo {ONE} {OTHER}"), shown(f"{ONE} {ONE}")],
        [typed("echo run"), shown(f"run {ONE}")],
        [typed("echo well; exit 1"), shown("well")],
        [typed("echo FAILED it"), shown("FAILED it")],
    ],
)
def test_a_stale_page_fails(atdm: Checkout, stale: list[Block]) -> None:
    """Other output, a command that fails, and one that should fail and does not, are all found out."""
    with pytest.raises(AssertionError):
        atdm.follow(stale, refused=["refused"])


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (f"echo run {OTHER}", f"run {ONE}"),
        (f"echo {OTHER} {OTHER}", f"{ONE} {ONE}"),
        ("echo one; echo two; echo three", "one\n…\nthree"),
        ("echo 'a   b'; echo -----", "a b\n---"),
        ("echo 'a   b'", "a … b"),
        ("echo FAILED it; exit 1", "FAILED it"),
    ],
)
def test_output_as_shown(atdm: Checkout, command: str, output: str) -> None:
    """Output may differ from the page in ids, widths and what the page leaves out."""
    atdm.follow([typed(command), shown(output)])


def test_ports_are_those_of_the_checkout(atdm: Checkout) -> None:
    """A port that the page shows is the checkout's own in what is typed, shown and saved."""
    page = [
        Block("text", "port", "18000\n"),
        typed("cat port; echo 18001; echo $ATDM_PORT"),
        shown("18000\n18001\n18001"),
    ]
    atdm.follow(page)


def test_a_name_stays_what_it_was(atdm: Checkout) -> None:
    """An id that the page shows again means the one that was met first."""
    atdm.follow([typed(f"echo {OTHER}"), shown(ONE), typed(f"echo again {ONE}"), shown(f"again {ONE}")])
    assert atdm.here(ONE) == OTHER


def test_a_fence_of_another_kind_is_refused() -> None:
    """A page cannot show code that nobody looks at."""
    with pytest.raises(ValueError, match="line 1: ```python is neither"):
        list(read_blocks("```python\nx\n```"))
