"""Settings of the server."""

import secrets
from pathlib import Path

import pytest

from atdm_server import Settings, SettingsInvalid

KEY = "the key of this server"
WHOLE = {
    "ATDM_API_TOKEN": "an-api-token-of-this-test",
    "ATDM_TARGET_URL": "http://127.0.0.1:18000/",
    "ATDM_TARGET_TOKEN": "a-target-token-of-this-test",
    "ATDM_STORE_URL": "file:///nowhere",
    "ATDM_SERVER_KEY": KEY,
}


def refusal_of(**changes: str | None) -> str:
    """What is said of an environment that is whole but for these changes."""
    environment = {name: value for name, value in {**WHOLE, **changes}.items() if value is not None}
    with pytest.raises(SettingsInvalid) as refusal:
        Settings.from_environment(environment)
    return refusal.value.message


def test_whole_environment() -> None:
    """The five variables that must be there are enough, and the rest has defaults for one machine."""
    settings = Settings.from_environment(WHOLE)
    assert settings.target_url == "http://127.0.0.1:18000"
    assert settings.server_key == KEY.encode()
    assert (settings.host, settings.port, settings.workers, settings.planner) == ("127.0.0.1", 18001, 1, "rule")
    assert (settings.target_timeout, settings.log_level) == (10.0, "info")
    assert (settings.request_timeout, settings.changes_at_once, settings.changes_waiting) == (30.0, 64, 256)
    assert (settings.reads_need_token, settings.signer) == (False, None)
    token = settings.tokens.find(WHOLE["ATDM_API_TOKEN"])
    assert token is not None
    assert (token.name, token.may("admin")) == ("api", True)
    assert settings.fixture_folder == Path("automation/fixtures").absolute()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, ""])
def test_missing_variable_is_named(name: str, value: str | None) -> None:
    """A variable that is not set, or empty, is named with what it is for."""
    assert refusal_of(**{name: value}).startswith(f"set {name}: ")


@pytest.mark.parametrize("name", ["ATDM_API_TOKEN", "ATDM_TARGET_TOKEN"])
@pytest.mark.parametrize("value", ["short", "fünfzehn Zeichen und mehr"])
def test_weak_secret_is_named_and_not_shown(name: str, value: str) -> None:
    """A token that is short or cannot stand in a header is refused with a better one, and is not repeated."""
    message = refusal_of(**{name: value})
    assert message.startswith(f"{name} is too weak: use at least 16 printable ASCII characters, such as ")
    assert value not in message
    better = message.rsplit(" ", 1)[1]
    assert Settings.from_environment({**WHOLE, name: better}).port == 18001


def test_weak_key_is_refused() -> None:
    """A server key that is too short is refused, and not repeated."""
    message = refusal_of(ATDM_SERVER_KEY="short key")
    assert "too weak" in message
    assert "short key" not in message


def test_key_file_comes_before_the_variable(tmp_path: Path) -> None:
    """A key file is read without the space around its text, and wins over the variable."""
    file = tmp_path / "key"
    file.write_text("  a key that stands in a file\n")
    settings = Settings.from_environment({**WHOLE, "ATDM_SERVER_KEY_FILE": str(file)})
    assert settings.server_key == b"a key that stands in a file"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xfa" * 9, b"short"])
def test_bad_key_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A key file that is missing, no text or too short is refused in one sentence."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    message = refusal_of(ATDM_SERVER_KEY_FILE=str(file))
    assert "ATDM_SERVER_KEY_FILE cannot be read" in message or "too weak" in message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ATDM_PORT", "0", "ATDM_PORT is a number from 1 to 65535, not '0'"),
        ("ATDM_PORT", "65536", "ATDM_PORT is a number from 1 to 65535"),
        ("ATDM_PORT", "http", "ATDM_PORT is a number from 1 to 65535, not 'http'"),
        ("ATDM_WORKERS", "-1", "ATDM_WORKERS is a number from 1 to 256"),
        ("ATDM_TARGET_TIMEOUT_SECONDS", "0.5", "ATDM_TARGET_TIMEOUT_SECONDS is a number from 1 to 3600"),
        (
            "ATDM_RECOVERY_SECONDS",
            "30",
            "ATDM_RECOVERY_SECONDS is 30, and a request may take 30 s: it must be more than",
        ),
        ("ATDM_REQUEST_TIMEOUT_SECONDS", "60", "it must be more than ATDM_REQUEST_TIMEOUT_SECONDS"),
        ("ATDM_TARGET_URL", "localhost:18000", "ATDM_TARGET_URL is a URL that begins with http:// or https://"),
        ("ATDM_REQUEST_TIMEOUT_SECONDS", "0", "ATDM_REQUEST_TIMEOUT_SECONDS is a number from 1 to 3600, not '0'"),
        ("ATDM_CHANGES_AT_ONCE", "0", "ATDM_CHANGES_AT_ONCE is a number from 1 to 10000"),
        ("ATDM_CHANGES_WAITING", "many", "ATDM_CHANGES_WAITING is a number from 1 to 100000"),
        ("ATDM_READS", "closed", "ATDM_READS is one of open, token, not 'closed'"),
        ("ATDM_LOG_LEVEL", "loud", "ATDM_LOG_LEVEL is one of debug, info, warning, error, not 'loud'"),
    ],
)
def test_senseless_value_is_named(name: str, value: str, told: str) -> None:
    """A value that makes no sense is refused with the variable's name and what it may be."""
    assert told in refusal_of(**{name: value})


def test_other_values_are_taken() -> None:
    """Every setting that has a default can be set."""
    more = {
        "ATDM_PORT": "1234",
        "ATDM_HOST": "::1",
        "ATDM_WORKERS": "4",
        "ATDM_PLANNER": "llm",
        "ATDM_TARGET_TIMEOUT_SECONDS": "3",
        "ATDM_REQUEST_TIMEOUT_SECONDS": "4",
        "ATDM_RECOVERY_SECONDS": "5",
        "ATDM_SWEEP_SECONDS": "1",
        "ATDM_CHANGES_AT_ONCE": "5",
        "ATDM_CHANGES_WAITING": "6",
        "ATDM_READS": "token",
        "ATDM_LOG_LEVEL": "WARNING",
        "ATDM_FIXTURE_DIR": "/somewhere",
        "ATDM_API_TOKEN": secrets.token_urlsafe(24),
    }
    settings = Settings.from_environment({**WHOLE, **more})
    assert (settings.port, settings.host, settings.workers, settings.planner) == (1234, "::1", 4, "llm")
    assert (settings.target_timeout, settings.log_level) == (3.0, "warning")
    assert (settings.request_timeout, settings.recovery_grace, settings.sweep_pace) == (4.0, 5.0, 1.0)
    assert (settings.changes_at_once, settings.changes_waiting) == (5, 6)
    assert settings.reads_need_token
    assert settings.fixture_folder == Path("/somewhere")


def test_tokens_come_from_everywhere(tmp_path: Path) -> None:
    """The single token, those of a file and those of the variable are all known; the single one may be left out."""
    file = tmp_path / "tokens"
    file.write_text("ci seed,reset a-secret-of-ci-001\n")
    more = {
        "ATDM_API_TOKENS_FILE": str(file),
        "ATDM_API_TOKENS": "ann read a-secret-of-ann-01; bob admin the-secret-of-bob",
    }
    assert len(Settings.from_environment({**WHOLE, **more}).tokens) == 4
    tokens = Settings.from_environment({**WHOLE, **more, "ATDM_API_TOKEN": ""}).tokens
    found = [tokens.find(secret) for secret in ("a-secret-of-ci-001", "a-secret-of-ann-01", "the-secret-of-bob")]
    assert [token and token.name for token in found] == ["ci", "ann", "bob"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ATDM_API_TOKENS", "ann read", "line 1 of ATDM_API_TOKENS is not"),
        (
            "ATDM_API_TOKENS",
            "ann read a-secret-of-ann-01;ann seed a-secret-of-ann-02",
            "two API tokens have the same name",
        ),
        ("ATDM_API_TOKENS", "api read a-secret-of-ann-01", "two API tokens have the same name"),
        ("ATDM_API_TOKENS", "ann read an-api-token-of-this-test", "two API tokens have the same secret"),
        ("ATDM_API_TOKENS", "ann write a-secret-of-ann-01", "no scope 'write'; there are read, seed, reset, admin"),
        ("ATDM_API_TOKENS_FILE", "/nowhere/tokens", "ATDM_API_TOKENS_FILE cannot be read"),
    ],
)
def test_tokens_that_cannot_be_used(name: str, value: str, told: str) -> None:
    """Tokens that are badly written, or cannot be told apart, keep the server from starting, and are not repeated."""
    message = refusal_of(**{name: value})
    assert told in message
    assert "a-secret" not in message
    assert "an-api-token" not in message
