"""The command line of `modelport loadtest`."""

from __future__ import annotations

import argparse
import re
from typing import get_args

from modelport.api.model import Api

DEFAULT_BASE = "http://127.0.0.1:8080"
KEY_VARIABLE = "MODELPORT_KEY"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_EXAMPLES = """examples:
  modelport loadtest half_plus_two                          ten seconds, 16 requests at a time
  modelport loadtest half_plus_two --requests 10000 --concurrency 64 --batch 8
  modelport loadtest cups --api nexus --file cup.jpg        a picture of your own in place of the example's
  modelport loadtest http://HOST/v1/models/NAME:predict --duration 1m --json result.json
  modelport loadtest https://HOST/ID/predict --body request.json

The key is read from the environment variable MODELPORT_KEY unless --key gives it. Exit code: 0 if every request
succeeded, 1 if one failed or the address does not answer, 2 if the command line is wrong."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `modelport loadtest` its arguments."""
    parser.description = "Send a model, or any address, a closed loop of requests and print what came back."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("target", metavar="URL|MODEL", help="the address to call, or the name of a served model")

    load = parser.add_argument_group("load")
    load.add_argument(
        "--concurrency", "-c", type=_count, default=16, metavar="N", help="requests at a time (default: 16)"
    )
    length = load.add_mutually_exclusive_group()
    length.add_argument("--requests", "-n", type=_count, metavar="N", help="stop after N requests")
    length.add_argument(
        "--duration", "-d", type=_seconds, default=10.0, metavar="TIME", help="stop after 30s, 5m … (default: 10s)"
    )
    load.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="TIME", help="limit of one request (default: 30s)"
    )
    load.add_argument(
        "--processes",
        type=_count,
        default=1,
        metavar="N",
        help="client processes; more than one when one is too slow for the server (default: 1)",
    )

    request = parser.add_argument_group("request")
    request.add_argument(
        "--url", default=DEFAULT_BASE, metavar="URL", help=f"where MODEL is served (default: {DEFAULT_BASE})"
    )
    request.add_argument(
        "--api", choices=sorted(get_args(Api)), help="format in which MODEL is called (default: its first one)"
    )
    request.add_argument(
        "--batch",
        type=_count,
        metavar="ROWS",
        help="rows of a request, by tensorflow-serving and open-inference (default: 1)",
    )
    request.add_argument(
        "--key", help=f"key of the model; better given in {KEY_VARIABLE}, which nobody sees in the list of processes"
    )
    content = request.add_mutually_exclusive_group()
    content.add_argument("--body", metavar="FILE", help="send this file instead of a made request; - is standard input")
    content.add_argument("--file", metavar="FILE", help="put this picture, sound or table into the request for MODEL")
    request.add_argument(
        "--method", metavar="METHOD", type=_method, help="HTTP method (default: POST with a body, else GET)"
    )
    request.add_argument(
        "--header",
        "-H",
        action="append",
        default=[],
        type=_header,
        metavar="'NAME: VALUE'",
        help="send this header too; may be repeated",
    )

    result = parser.add_argument_group("result")
    result.add_argument("--json", metavar="FILE", help="write the results to this file too")
    result.add_argument("--allow-failures", action="store_true", help="exit with 0 although requests failed")


def _count(text: str) -> int:
    """Read a whole number above 0."""
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    """Read a time such as 30s, 5m, 1h, 500ms; a bare number counts seconds."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)?", text)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 30s, 5m or 500ms, got {text!r}")
    return float(found[1]) * _UNITS[found[2] or "s"]


def _method(text: str) -> str:
    """Read an HTTP method."""
    if not re.fullmatch(r"[A-Za-z]{1,32}", text):
        raise argparse.ArgumentTypeError(f"expected an HTTP method such as PUT, got {text!r}")
    return text.upper()


def _header(text: str) -> tuple[str, str]:
    """Read `NAME: VALUE`."""
    found = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected 'NAME: VALUE', got {text.partition(':')[0]!r}")
    return found[1], found[2]
