"""Write docs/reference/cli.md from the `atdm` program itself: every command, option, default and example.

.venv/bin/python -m scripts.write_cli_reference
"""

from collections.abc import Iterator
from pathlib import Path

from cyclopts import App, Argument

from atdm.cli import app

__all__ = ["PAGE", "reference"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
INTRODUCTION = """\
# The `atdm` command

<!-- Written by scripts/write_cli_reference.py from the program; do not edit. -->

    atdm [-o human|json] COMMAND [OPTIONS]

The address and the token of the server come from `ATDM_API_URL` and `ATDM_API_TOKEN`, or else from the local stack that
`make up` started in this folder (`.atdm/stack.json`).

`-o human`, the default, is for people. `-o json` prints exactly what the API answered, for programs; a refusal is then
the API's error object, on stderr. It may stand before or after the command. `atdm COMMAND --help` tells what this page
tells; `atdm --version` the version.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the API refused; the line on stderr says why, and what exists |
| 2 | usage: arguments or settings that cannot be meant; nothing was sent |
| 3 | the API cannot be reached, or its answer was lost |
| 130 | interrupted |

`atdm verify` and `atdm checkpoint` come with the server's package and ask no server: for them 1 means that something in
the store is wrong, and 3 that the store cannot be reached. So does `atdm volume`, for which 1 means that a bundle was
refused.

A lost answer is asked for again, three times at most, where that is safe: for everything that only reads, for `request`
and `volume` (always sent under an idempotency key) and for `reset`.
"""


def reference() -> str:
    """The page, as Markdown."""
    names = [name for name in app if not name.startswith("-")]
    contents = [f"- [`atdm {name}`](#atdm-{name}): {_summary(app[name])}" for name in names]
    sections = [_section(name, app[name]) for name in names]
    return "\n".join([INTRODUCTION, *contents, "", "\n\n".join(sections), ""])


def _section(name: str, command: App) -> str:
    arguments = [argument for argument in _arguments(command) if argument.show]
    words = [_words(argument) for argument in arguments if argument.required]
    options = " [OPTIONS]" if any(not argument.required for argument in arguments) else ""
    lines = [f"## atdm {name}", "", _summary(command), "", f"    {' '.join(['atdm', name, *words])}{options}", ""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| {_spelling(argument)} | {_meaning(argument)} |" for argument in arguments]
        lines += [""]
    return "\n".join([*lines, "Example:", "", f"    {_example(command)}"])


def _arguments(command: App) -> Iterator[Argument]:
    yield from command.assemble_argument_collection(default_parameter=app.default_parameter, parse_docstring=True)


def _summary(command: App) -> str:
    return command.help.partition("\n")[0]


def _words(argument: Argument) -> str:
    return argument.name if argument.index is not None else f"{argument.name} {_value(argument)}".rstrip()


def _spelling(argument: Argument) -> str:
    names = [f"`{name}`" for name in argument.names]
    value = "" if argument.index is not None else _value(argument)
    return ", ".join(names) + (f" `{value}`" if value else "") + (" (needed)" if argument.required else "")


def _value(argument: Argument) -> str:
    """What stands after an option; nothing after one that is just said."""
    if argument.hint is bool:
        return ""
    return argument.parameter.metavar or argument.name.removeprefix("--").upper()


def _meaning(argument: Argument) -> str:
    text = " ".join((argument.parameter.help or "").split())
    choices = argument.get_choices(force=True)
    allowed = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    default = argument.field_info.default
    told = f" Default: `{default}`." if isinstance(default, str | int) and not isinstance(default, bool) else ""
    return text + allowed + told


def _example(command: App) -> str:
    texts = (line.strip() for line in f"{command.help_epilogue or ''}\n{command.help}".splitlines())
    return next(line.removeprefix("Example:").strip() for line in texts if line.startswith("Example:"))


if __name__ == "__main__":
    _ = PAGE.write_text(reference(), encoding="utf-8")
