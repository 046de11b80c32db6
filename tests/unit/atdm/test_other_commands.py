"""Commands that other packages bring."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from cyclopts import App

from atdm import other_commands
from atdm.cli import app, main
from atdm.errors import AtdmSettingsError


def test_installed_commands_are_there_and_not_loaded() -> None:
    """The commands of the server's package are commands of the program, which starts without loading that package."""
    assert {"verify", "checkpoint"} <= set(app)
    program = "import sys, atdm.cli; print('atdm_server' in sys.modules, 'pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def nothing_installed(*, group: str) -> list[EntryPoint]:
    """The entry points where only the client is installed."""
    assert group == "atdm.commands"
    return []


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the server's package is not installed, its commands say what to install, whatever else is said to them."""
    monkeypatch.setattr(other_commands, "entry_points", nothing_installed)
    bare = App(name="atdm")
    assert other_commands.add_commands_of_others(bare) == []
    command, bound, left_out = bare.parse_args(["verify", "--all", "--checkpoint", "x"])
    assert set(left_out) == {"output"}
    with pytest.raises(AtdmSettingsError, match="`atdm verify` comes with atdm-server; install it"):
        command(*bound.args, **bound.kwargs, output="human")
    bare(["--help"], result_action="return_value")
    assert "Comes with atdm-server, which is not installed here" in capsys.readouterr().out.replace("\n", "")


def test_the_list_of_commands_says_what_each_does(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of the program has a line for each command of others too."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Check the audit trails" in capsys.readouterr().out


def test_a_wrong_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Options of such a command are checked as those of any other."""
    with pytest.raises(SystemExit) as exit_:
        main(["verify", "--no-such-option"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("atdm: ")


def test_errors_have_the_form_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `-o json` an error of such a command is an object, too."""
    monkeypatch.setenv("ATDM_STORE_URL", "nonsense")
    with pytest.raises(SystemExit):
        main(["verify", "-o", "json"])
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "SETTINGS_INVALID"
