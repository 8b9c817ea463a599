"""The page of the command line, made from its parsers: `python -m modelport.cli_reference`."""

from __future__ import annotations

import argparse
import sys

from modelport.cli import COMMANDS

_HEAD = """# The command `modelport`

It serves models on one machine, checks manifests, measures addresses and prints programs that ask a model. `make
install` of the repository puts it into `.venv/bin`. This page is printed from the code by `python -m
modelport.cli_reference`, and a test keeps the two equal.

Every command ends with 0 when it is done, 1 when it could not be done, and 2 when the command line or a manifest is
wrong. What goes wrong is one line on stderr that begins with `modelport:`.
"""


def build_page() -> str:
    """Return the text of docs/reference/cli.md."""
    return "\n".join([_HEAD, *(_build_section(name) for name in COMMANDS)])


def _build_section(name: str) -> str:
    parser = argparse.ArgumentParser(prog=f"modelport {name}", add_help=False)
    COMMANDS[name].add_arguments(parser)
    needed = [_usage(action) for action in parser._actions if action.required]
    rows = [f"| {_names(action)} | {_meaning(action, parser)} |" for action in parser._actions]
    parts = [
        f"## `{' '.join([parser.prog, *needed])}`",
        "",
        str(parser.description),
        "",
        "| argument | meaning |",
        "|---|---|",
        *rows,
    ]
    if parser.epilog:
        parts += ["", "```text", parser.epilog.strip(), "```"]
    return "\n".join(parts) + "\n"


def _usage(action: argparse.Action) -> str:
    value = _value(action) + ("…" if action.nargs == "+" else "")
    return f"{action.option_strings[-1]} {value}" if action.option_strings else value


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _names(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {_value(action)}"
    names = [f"{flag}{value}" for flag in action.option_strings] or [_usage(action)]
    return ", ".join(f"`{_in_table(name)}`" for name in names)


def _meaning(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return _in_table(parser._get_formatter()._expand_help(action))


def _in_table(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(build_page())
