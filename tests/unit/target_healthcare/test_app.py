import warnings

import httpx2
import pytest

from target_healthcare import SettingsError, create_app
from tests.unit.target_healthcare.conftest import settings_for


def test_nothing_deprecated_is_used() -> None:
    """The framework has no deprecation to announce about the routes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        create_app(settings_for("postgresql:///never-connected"))


def test_the_environment_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings they come from the environment, and without that it refuses."""
    monkeypatch.delenv("TARGET_SERVICE_TOKEN", raising=False)
    monkeypatch.delenv("TARGET_DATABASE_URL", raising=False)

    with pytest.raises(SettingsError):
        create_app()


async def test_health_has_the_contract_s_fields(client: httpx2.AsyncClient) -> None:
    """Health names target, database and schema version."""
    body = (await client.get("/health")).json()

    assert (body["status"], body["database"], len(body["schema_version"])) == ("ok", "ok", 64)
