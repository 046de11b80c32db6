"""API tokens with names and scopes."""

import hmac

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


def test_a_secret_may_have_a_hash_sign() -> None:
    """A comment begins after a blank; a `#` inside a secret belongs to it."""
    tokens = Tokens(Tokens.read(f"ci seed {CI}#more # and a comment\n#{OPS}\n", "tokens.txt"))
    assert len(tokens) == 1
    assert tokens.find(f"{CI}#more") is not None
    assert tokens.find(CI) is None


def test_every_wrong_secret_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tokens are compared, by their hashes and in constant time, whichever of them matches or none does."""
    compared: list[tuple[bytes, bytes]] = []
    genuine = hmac.compare_digest

    def note(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return genuine(one, other)

    tokens = Tokens(Tokens.read(TEXT, "tokens.txt"))
    monkeypatch.setattr("atdm_server.tokens.hmac.compare_digest", note)
    for given in (CI, OPS, "", "x" * 10_000):
        compared.clear()
        tokens.find(given)
        assert [len(hashed) for pair in compared for hashed in pair] == [32] * 4


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


@pytest.mark.parametrize(
    "secret",
    ["fifteen-letters", "", "in\nmore than one line", "with a tab\tinside", "Zeichen-für-Zeichen", " a blank around "],
)
def test_weak_secrets_are_refused(secret: str) -> None:
    """A secret that is easily guessed, or that no header carries as it is, is refused with a better one."""
    with pytest.raises(SettingsInvalid, match="ATDM_API_TOKEN is too weak") as refusal:
        Tokens.admin(secret, "ATDM_API_TOKEN")
    assert not secret or secret not in refusal.value.message
    better = refusal.value.message.rsplit(" ", 1)[1]
    assert Tokens.admin(better, "ATDM_API_TOKEN").may("admin")


@pytest.mark.parametrize("second", [f"ci reset {OPS}", f"other reset {CI}"])
def test_tokens_are_told_apart(second: str) -> None:
    """Two tokens with one name or one secret are refused: a trail could not tell who it was."""
    with pytest.raises(SettingsInvalid, match="give each its own"):
        Tokens(Tokens.read(f"ci seed {CI}\n{second}", "tokens.txt"))
