"""The `atdm` program: what all commands have in common, and where it begins.

`commands` has those that ask the API; those that work without it come from other packages, by entry point.

Exit codes: 0 done, 1 the API refused, 2 usage (arguments, settings), 3 the API cannot be reached, 130 interrupted.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal, cast

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.text import Text

from atdm import __version__
from atdm.client import AtdmClient
from atdm.commands import OutputFormat, Session, run_commands, target_commands
from atdm.errors import AtdmClientError, AtdmSettingsError, AtdmUnreachable
from atdm.exit_codes import INTERRUPTED, REFUSED, UNREACHABLE, USAGE
from atdm.other_commands import add_commands_of_others
from atdm.volume_command import volume

__all__ = ["app", "main"]


def _usage_line(error: CycloptsError) -> Text:
    return Text(f"atdm: {error}")


app = App(
    name="atdm",
    version=__version__,
    help="Ask for test data by what it must show, use it, and put the target back as it was.",
    help_epilogue=(
        "The address and the token come from ATDM_API_URL and ATDM_API_TOKEN, or else from the local stack "
        "that `make up` started in this folder (.atdm/stack.json).\n\n"
        "Example:  atdm request expired_eligibility -c procedure_code=70553"
    ),
    default_parameter=Parameter(negative="", show_default=False),
    error_formatter=_usage_line,
    error_console=Console(stderr=True, soft_wrap=True, highlight=False),
    result_action="return_value",
)
app.update(run_commands)
app.update(target_commands)


@app.command(help_epilogue="Example:  atdm completion bash > ~/.local/share/bash-completion/completions/atdm")
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that lets a shell complete commands and options.

    Parameters
    ----------
    shell
        bash: save it as ~/.local/share/bash-completion/completions/atdm; zsh: as _atdm in a folder of $fpath;
        fish: as ~/.config/fish/completions/atdm.fish.
    """
    print(app.meta.generate_completion(shell=shell))


app.command(
    volume,
    help_epilogue=(
        "Example:  atdm volume healthcare --mix active_member_clean=70,claim_denial_active_member=30 "
        "--count 1000 --to target"
    ),
)
_commands_of_others = add_commands_of_others(app)


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    output: Annotated[OutputFormat, Parameter(name=("--output", "-o"), show_default=True)] = "human",
) -> int:
    """Run one command.

    Parameters
    ----------
    output
        human: tables for people; json: exactly the API's answer. Before or after the command.
    """
    command, bound, left_out = app.parse_args(tokens)
    if not left_out:  # --help and --version need no server, nor settings that make sense
        command(*bound.args, **bound.kwargs)
        return 0
    try:
        if "output" in left_out:  # a command of another package, which asks no API and says itself how it ended
            return cast("int", command(*bound.args, **bound.kwargs, output=output))
        with AtdmClient() as client:
            code = cast("int | None", command(*bound.args, **bound.kwargs, session=Session(client, output)))
    except AtdmClientError as error:
        return _report(error, output)
    except KeyboardInterrupt:
        print("atdm: interrupted; what was sent may have been carried out: look at `atdm runs`", file=sys.stderr)
        return INTERRUPTED
    return code or 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (default: of this process) and exit with its code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words or words[0] in app.help_flags:
        for name in _commands_of_others:
            with suppress(ImportError):  # a broken package must not keep the others from being listed
                _ = app[name]  # only a loaded command can say what it does
    code = cast("object", app.meta(words))
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: AtdmClientError, output: OutputFormat) -> int:
    if output == "json":
        print(json.dumps(error.as_json()), file=sys.stderr)
    else:
        untold = error.untold_details()
        print(f"atdm: {error}" + (f" ({'; '.join(untold)})" if untold else ""), file=sys.stderr)
    if isinstance(error, AtdmUnreachable):
        return UNREACHABLE
    return USAGE if isinstance(error, AtdmSettingsError) else REFUSED
