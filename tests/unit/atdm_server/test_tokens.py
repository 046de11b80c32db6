"""API tokens with names and scopes."""

import pytest

from atdm_server.errors import SettingsInvalid
from atdm_server.tokens import SCOPES, Scope, Tokens

CI = "a-secret-of-ci-001"
OPS = "a-secret-of-ops-01"
TEXT = f"""
# who may do what
ci   seed,reset  {CI}   # the pipeline
ops  admin       {OPS}
"""


def test_tokens_are_read_from_lines() -> None:
    """Each line gives a name, scopes and a secret; comments and empty lines are passed over."""
    tokens = Tokens(Tokens.read(TEXT, "tokens.txt"))
    ci = tokens.find(CI)
    assert len(tokens) == 2
    assert ci is not None
    assert (ci.name, ci.scopes) == ("ci", frozenset({"seed", "reset"}))


@pytest.mark.parametrize("scope", SCOPES)
def test_admin_may_do_everything(scope: Scope) -> None:
    """The scope `admin` stands for all, and any other for itself alone."""
    tokens = Tokens([*Tokens.read(TEXT, "tokens.txt"), Tokens.admin("the-single-token-1", "ATDM_API_TOKEN")])
    ci, ops, single = tokens.find(CI), tokens.find(OPS), tokens.find("the-single-token-1")
    assert ci is not None
    assert ops is not None
    assert single is not None
    assert ops.may(scope)
    assert single.may(scope)
    assert ci.may(scope) == (scope in ("seed", "reset"))


@pytest.mark.parametrize("given", ["", CI[:-1], CI + "x", CI.upper(), "\N{LATIN SMALL LETTER E WITH ACUTE}" * 18])
def test_other_secrets_find_nobody(given: str) -> None:
    """Only the exact secret finds its token."""
    assert Tokens(Tokens.read(TEXT, "tokens.txt")).find(given) is None


def test_secrets_are_not_kept() -> None:
    """What the server keeps of a token cannot be used as one, nor be logged."""
    assert CI not in repr(Tokens.read(TEXT, "tokens.txt"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ci seed", "is not '<name> <scope>"),
        (f"ci seed reset {CI}", "is not '<name> <scope>"),
        (f"c/i seed {CI}", "a name has 1 to 64"),
        (f"ci seed,delete {CI}", "no scope 'delete'; there are read, seed, reset, admin"),
        ("ci seed short", "too weak"),
    ],
)
def test_bad_lines_are_refused(line: str, reason: str) -> None:
    """A line that cannot be right is named with its number, and its secret is not told."""
    with pytest.raises(SettingsInvalid, match=reason) as refusal:
        Tokens.read(f"\n{line}", "tokens.txt")
    assert "line 2 of tokens.txt" in refusal.value.message
    assert CI not in refusal.value.message


@pytest.mark.parametrize("second", [f"ci reset {OPS}", f"other reset {CI}"])
def test_tokens_are_told_apart(second: str) -> None:
    """Two tokens with one name or one secret are refused: a trail could not tell who it was."""
    with pytest.raises(SettingsInvalid, match="give each its own"):
        Tokens(Tokens.read(f"ci seed {CI}\n{second}", "tokens.txt"))
