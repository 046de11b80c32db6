"""The command that starts the server."""

import re
import socket
from pathlib import Path

import msgspec
import pytest

from atdm_core.errors import PackNotFound
from atdm_server import SettingsInvalid
from atdm_server.__main__ import check_settings, main
from tests.unit.atdm_server.conftest import settings_for
from tests.unit.atdm_server.tiny_server import closed_port


def test_good_settings_pass(tmp_path: Path) -> None:
    """Settings that every worker can use pass."""
    check_settings(msgspec.structs.replace(settings_for(tmp_path, "http://x"), port=closed_port()))


def test_taken_port_is_told(tmp_path: Path) -> None:
    """A port that another program has is one clear line with the variable to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        settings = msgspec.structs.replace(settings_for(tmp_path, "http://x"), port=port)
        with pytest.raises(SettingsInvalid, match=re.escape(f"127.0.0.1:{port} cannot be used")) as refusal:
            check_settings(settings)
    assert "set ATDM_PORT to a free port" in refusal.value.message


def test_unknown_planner_and_store_are_told(tmp_path: Path) -> None:
    """A planner or store that does not exist is refused before any worker starts."""
    settings = settings_for(tmp_path, "http://x")
    with pytest.raises(PackNotFound, match="no 'magic' among the planners"):
        check_settings(msgspec.structs.replace(settings, planner="magic"))
    with pytest.raises(SettingsInvalid, match="ATDM_STORE_URL"):
        check_settings(msgspec.structs.replace(settings, store_url="ftp://x"))


def test_missing_settings_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is started without its token says why in one line, and exits with 1."""
    for name in ("ATDM_API_TOKEN", "ATDM_API_TOKENS", "ATDM_API_TOKENS_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "atdm-server: set ATDM_API_TOKEN: every mutation must carry it as a bearer token; "
        "or ATDM_API_TOKENS_FILE, for several tokens with scopes\n"
    )
