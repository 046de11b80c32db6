import pytest

from target_healthcare import Settings, SettingsError

ENOUGH = {"TARGET_DATABASE_URL": "postgresql://user:secret@host/db", "TARGET_SERVICE_TOKEN": "s3cret-token"}


def test_defaults_fit_a_local_stack() -> None:
    """A URL and a token are enough."""
    settings = Settings.from_environment(ENOUGH)

    assert (settings.host, settings.port, settings.workers, settings.pool_size) == ("127.0.0.1", 18000, 1, 8)
    assert (settings.migrations / "0001_init.sql").is_file()


@pytest.mark.parametrize("name", ENOUGH)
def test_a_missing_setting_is_named(name: str) -> None:
    """Without the URL or the token it refuses, naming the variable."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(ENOUGH | {name: " "})


def test_the_refusal_says_why_a_token_is_needed() -> None:
    """The message tells what an open /internal/ would mean."""
    with pytest.raises(SettingsError, match="anybody could write and delete rows"):
        Settings.from_environment({"TARGET_DATABASE_URL": "postgresql:///x"})


@pytest.mark.parametrize("port", ["http", "-1", "0", "65536", "1.5"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    """A port outside 1 to 65535 is refused with its value."""
    with pytest.raises(SettingsError, match=f"TARGET_PORT is '{port}'"):
        Settings.from_environment(ENOUGH | {"TARGET_PORT": port})


def test_secrets_stay_out_of_logs() -> None:
    """The representation has neither token nor password."""
    text = repr(Settings.from_environment(ENOUGH))

    assert "secret" not in text
    assert "s3cret" not in text


def test_an_unknown_source_of_the_schema_is_refused() -> None:
    """The tables come from migrations or from the database, and from nowhere else."""
    assert Settings.from_environment(ENOUGH | {"TARGET_SCHEMA": "database"}).schema_from == "database"
    with pytest.raises(SettingsError, match="TARGET_SCHEMA is 'public'; set it to 'migrations' or 'database'"):
        Settings.from_environment(ENOUGH | {"TARGET_SCHEMA": "public"})
