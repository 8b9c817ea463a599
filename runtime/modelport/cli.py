"""The command `modelport`: arguments in, exit code out. Everything else is a layer below.

What a command needs is imported when that command is asked for: all of it together takes a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelport import __version__, logs
from modelport.errors import ModelportError
from modelport.local.errors import UsageError

FAILED = 1
WRONG = 2
"""Exit codes: something could not be done; what was asked for is wrong in itself."""

_EXAMPLES = """examples:
  modelport serve model.yaml                 serve one model on http://127.0.0.1:8080
  modelport check model.yaml                 find what is wrong with a manifest and its model
  modelport loadtest half_plus_two           measure a served model
  modelport snippet half_plus_two --lang go  print a program that asks it

A manifest is a PublishedModel, the same that `kubectl apply` publishes in a cluster. `modelport COMMAND --help` says
more. Exit code: 0 done, 1 it could not be done, 2 the command line or a manifest is wrong."""

_SERVE_EXAMPLES = """examples:
  modelport serve model.yaml
  modelport serve examples/                          every manifest of a folder
  modelport serve model.yaml --port 9000 --host 0.0.0.0
  modelport serve model.yaml --keys keys.txt         lines MODEL:NAME:KEY, instead of generated keys
  modelport serve model.yaml --triton gpu-host:8001  a Triton that runs already and has the model

The first run installs Triton into the user's cache folder. An edit of a manifest, of the keys or of a local model
file is applied while it runs. SIGTERM and Ctrl-C finish the requests in flight; a second one does not wait.
Exit code: 0 stopped as told, 1 it could not be served, 2 the command line, a manifest or the keys are wrong,
130 told to stop before it served."""

_CHECK_EXAMPLES = """examples:
  modelport check model.yaml
  modelport check examples/ --offline                the manifests alone, without fetching models

Exit code: 0 all is well, 1 there are problems, each printed as one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    try:
        code: int = args.run(args)
    except ModelportError as error:
        return _fail(str(error), WRONG if isinstance(error, UsageError) else FAILED)
    except OSError as error:
        # A full disk or a missing permission may show anywhere.
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return 130
    return code


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command, which gets its arguments when it is asked for."""

    def __init__(self, *, add_arguments: Callable[[argparse.ArgumentParser], None], **options: Any) -> None:
        super().__init__(**options)
        self._add_arguments: Callable[[argparse.ArgumentParser], None] | None = add_arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        add_arguments, self._add_arguments = self._add_arguments, None
        if add_arguments is not None:
            add_arguments(self)
        return super().parse_known_args(args, namespace)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="modelport",
        description="Publish trained models as HTTP APIs on this machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"modelport {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_CommandParser)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help, add_arguments=command.add_arguments)
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from modelport.local.options import ServeOptions

    parser.description = "Serve the PublishedModels of manifests on this machine, with Triton and the gateway."
    parser.epilog = _SERVE_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    defaults = ServeOptions(())
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="FILE", help="a manifest, or a folder of them")
    add("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=defaults.port, help="port of the models' APIs, 0 for a free one (%(default)s)")
    add(
        "--metrics-port",
        type=int,
        default=defaults.metrics_port,
        metavar="PORT",
        help="port of health and metrics, 0 for a free one (%(default)s)",
    )
    add("--workers", type=_positive, default=defaults.workers, metavar="N", help="gateway processes (%(default)s)")
    add("--triton", metavar="HOST:PORT", help="use this Triton (gRPC), which has the models, and start none")
    add("--triton-http", metavar="HOST:PORT", help="its HTTP endpoint, the faster way for inferences")
    add("--keys", type=Path, metavar="FILE", help="keys, one MODEL:NAME:KEY a line; without it keys are generated")
    add("--secrets", type=Path, metavar="DIR", help="what secretRef names, one file DIR/SECRET/ENTRY each")
    add(
        "--state-dir",
        type=Path,
        default=defaults.state,
        dest="state",
        metavar="DIR",
        help="generated keys and working files (default: %(default)s in this folder)",
    )
    add(
        "--allow-loopback-images",
        action="store_true",
        help="fetch pictures that requests name by URL from this machine too; for tests",
    )
    add("--log-format", choices=sorted(logs.FORMATTERS), default=defaults.log_format, help="(default: %(default)s)")
    add("--log-level", choices=logs.LEVELS, default=defaults.log_level, help="(default: %(default)s)")
    parser.set_defaults(run=_serve)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check manifests and the models they name, without serving them."
    parser.epilog = _CHECK_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="FILE", help="a manifest, or a folder of them")
    add("--offline", action="store_true", help="check the manifests alone and fetch no model")
    add("--secrets", type=Path, metavar="DIR", help="what secretRef names, one file DIR/SECRET/ENTRY each")
    parser.set_defaults(run=_check)


def _add_loadtest(parser: argparse.ArgumentParser) -> None:
    from modelport import loadtest

    loadtest.add_arguments(parser)
    parser.set_defaults(run=loadtest.run)


def _add_snippet(parser: argparse.ArgumentParser) -> None:
    from modelport import snippets

    snippets.add_arguments(parser)
    parser.set_defaults(run=snippets.run)


def _add_fetch(parser: argparse.ArgumentParser) -> None:
    from modelport.repository import command

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _serve(args: argparse.Namespace) -> int:
    from modelport.local.options import ServeOptions
    from modelport.local.serve import serve

    given = {name: value for name, value in vars(args).items() if name != "run"}
    return asyncio.run(serve(ServeOptions(**given | {"paths": tuple(args.paths)})))


def _check(args: argparse.Namespace) -> int:
    from modelport.local.check import check

    return check(tuple(args.paths), sys.stdout, offline=args.offline, secrets=args.secrets)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def _fail(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"modelport: {line}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return code


class _Command(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]


COMMANDS: Mapping[str, _Command] = {
    "serve": _Command("serve models on this machine", _add_serve),
    "check": _Command("find what is wrong with a manifest and its model", _add_check),
    "loadtest": _Command("measure a served model", _add_loadtest),
    "snippet": _Command("print a program that asks a served model", _add_snippet),
    "fetch": _Command("bring a Pod's model to its Triton and gateway", _add_fetch),
}
