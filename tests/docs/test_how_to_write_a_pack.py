"""The how-to "Write a pack in fifteen minutes", carried out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.how_to import Checkout, checkout

PAGE = "write-a-pack"
MOST_LINES = 150  # as the page says


def test_the_pack_of_the_page_is_installed_tested_and_seeded(tmp_path: Path) -> None:
    """The files and commands of the page lead from an empty folder to rows in PostgreSQL and back."""
    with checkout(tmp_path / "atdm", "infra", "packages", "pyproject.toml", "sut", ".tools") as atdm:
        atdm.follow(atdm.blocks(PAGE))


def test_a_pack_is_small(tmp_path: Path) -> None:
    """The whole distribution, its test included, is as short as the page says."""
    files = {block.title: block.text for block in Checkout(tmp_path / "atdm").blocks(PAGE) if block.title}
    lengths = {name: len(text.splitlines()) for name, text in files.items() if not name.endswith(("look.py", ".sql"))}
    assert len(lengths) == 5
    assert sum(lengths.values()) <= MOST_LINES, lengths


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('"FAKE_Nine Bridges"', '"Nine Bridges"', "holds 'Nine Bridges', which does not carry FAKE_"),
        ('"account": draw.constraint("account"),\n', "", "the row of reader lacks account"),
        ('constraint("account")', 'constraint("acount")', "a constraint 'acount' that its pack does not declare"),
        (
            "[generate_reader, generate_book, generate_loan]",
            "[generate_loan]",
            "no earlier step made; put a step that makes reader before it (made so far: nothing)",
        ),
        (
            'Ref(entity="book")',
            'Ref(entity="books")',
            "refers to 'books' in book_id, which is no entity; the pack has: reader, book, loan. Did you mean book?",
        ),
        ('{"account": "closed"}', '{"account": True}', 'account cannot be true; allowed: "open", "closed"'),
        ('draw.key("loan")', '"loan-1"', "loan.loan_id is the primary key: make it with draw.key(prefix)"),
        ("days(lent_at) + LOAN_DAYS", "lent_at", "loan.due_on does not hold days (datetime64[D])"),
        (
            '("loan.status", "',
            '("loan.state", "',
            "hold_nothing looks at loan.state, which does not exist",
        ),
        (
            "generate_book, generate_loan]",
            "generate_books]",
            "no generator 'generate_books'; the pack has: ",
        ),
    ],
)
def test_mistakes_are_told_as_shown(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    """Each mistake of the table is refused with the message that stands beside it."""
    atdm = Checkout(tmp_path / "atdm")
    blocks = atdm.blocks(PAGE)
    assert any(right in block.text for block in blocks)
    for block in blocks:
        if block.title:
            atdm.write(type(block)(block.language, block.title, block.text.replace(right, wrong)))
    pack = tmp_path / "atdm-library"
    looked = subprocess.run(
        [sys.executable, pack / "look.py"],
        env={**os.environ, "PYTHONPATH": str(pack / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told in looked.stderr
    assert told in atdm.page(PAGE)
