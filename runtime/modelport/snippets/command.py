"""`modelport snippet`: ask the server how a model is called, and print a program that does it."""

from __future__ import annotations

import argparse
import asyncio
import sys

from modelport.discovery import choose, fetch_operations
from modelport.snippets.call import build_call
from modelport.snippets.errors import SnippetError
from modelport.snippets.language import render
from modelport.snippets.languages import ALIASES, LANGUAGES

DEFAULT_BASE = "http://127.0.0.1:8080"

_EXAMPLES = f"""languages: {", ".join(LANGUAGES)}

examples:
  modelport snippet half_plus_two --lang go > ask.go
  modelport snippet shapes --api nexus --lang javascript --file picture.jpg
  modelport snippet shapes --url https://models.example.com --lang curl | bash

The program reads the model's key from the environment variable MODELPORT_KEY, prints the answer, and fails with the
server's words on stderr. Exit code: 0 the code is printed, 1 it could not be written, 2 the command line is wrong."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `modelport snippet` its arguments."""
    parser.description = "Print a program that asks a served model, in the language of your choice."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    add = parser.add_argument
    add("model", metavar="MODEL", help="the name of a served model")
    add("--lang", required=True, type=_language, metavar="LANG", help="the language; below are those there are")
    add(
        "--api",
        metavar="API",
        help="the API, as in spec.apis (default: the model's first, with --file its first with files)",
    )
    add("--url", default=DEFAULT_BASE, metavar="URL", help="where the model is served (default: %(default)s)")
    add("--file", metavar="PATH", help="write code that sends this picture or sound, in place of the server's example")


def run(args: argparse.Namespace) -> int:
    """Print the program and return the exit code; raise ModelportError."""
    operations = asyncio.run(fetch_operations(args.url))
    if args.file is not None and args.api is None:
        operations = tuple(each for each in operations if each.model == args.model and each.file) or operations
    operation = choose(operations, args.model, args.api)
    try:
        code = render(LANGUAGES[args.lang], build_call(operation, args.file))
    except RecursionError as error:
        raise SnippetError(f"the server's example for {args.model!r} is nested too deeply") from error
    sys.stdout.buffer.write(code.encode())  # UTF-8 whatever the terminal's encoding: this is a source file
    return 0


def _language(text: str) -> str:
    name = ALIASES.get(text.lower(), text.lower())
    if name not in LANGUAGES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(LANGUAGES)}, got {text!r}")
    return name
