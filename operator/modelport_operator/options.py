"""The command line and the environment → Config. One table: flags, variables and the reference page come from it."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from modelport import logs
from modelport_operator.config import Config

PREFIX: Final = "MODELPORT_OPERATOR_"
PROGRAM: Final = "python -m modelport_operator"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that the operator is told."""

    name: str
    """The field of Config or Options."""
    parse: Callable[[str], Any]
    """Reads a value; raises ValueError with what was expected."""
    help: str
    metavar: str = ""
    """Empty for what is on or off."""
    required: bool = False

    @property
    def flag(self) -> str:
        """As on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As in the environment."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True, slots=True)
class Options:
    """What one process is told in all."""

    config: Config
    log_format: str = "json"
    log_level: str = "info"


def text(value: str) -> str:
    """Take any text."""
    return value


def image(value: str) -> str:
    """Take a reference to an image."""
    if not re.fullmatch(r"[a-z0-9][\w.:/@-]*", value):
        raise ValueError("the reference of an image")
    return value


def name(value: str) -> str:
    """Take the name of a namespace."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError("the name of a namespace")
    return value


def names(value: str) -> tuple[str, ...]:
    """Take names with commas between them."""
    found = tuple(filter(None, map(str.strip, value.split(","))))
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", each) for each in found):
        raise ValueError("names with commas between them")
    return found


def host(value: str) -> str:
    """Take the name of a host."""
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", value):
        raise ValueError("the name of a host, without scheme and port")
    return value


def url(value: str) -> str:
    """Take an HTTP address."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with http:// or https://")
    return value


def switch(value: str) -> bool:
    """Take true or false."""
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower() == "true"


def seconds(least: float) -> Callable[[str], float]:
    """Return what takes a time of at least so many seconds."""

    def parse(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = -1.0
        if not least <= found <= 86_400:
            raise ValueError(f"a number of seconds from {least:g} to 86400")
        return found

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what takes a whole number in a range."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """Return what takes one of some words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return parse


OPTIONS: Final[Sequence[Option]] = (
    Option("runtime_image", image, "image of fetch, gateway and schedule Jobs: the operator's own", "IMAGE", True),
    Option("triton_image", image, "image of Triton, unless a resource names its own", "IMAGE", True),
    Option("namespaces", names, "namespaces that are worked on; none: the whole cluster", "NAMES"),
    Option("own_namespace", name, "where the operator runs and its Lease lies", "NAME"),
    Option("image_pull_policy", one_of(("Always", "IfNotPresent", "Never")), "of the images above", "POLICY"),
    Option("image_pull_secrets", names, "Secrets, in each model's namespace, to pull the images above with", "NAMES"),
    Option(
        "shared_host", host, "host of the models whose ingress names none; none: such an ingress is refused", "HOST"
    ),
    Option("ingress_class", text, "class of the ingresses that name none; none: the cluster's default", "CLASS"),
    Option("network_policies", switch, "make a NetworkPolicy for each model"),
    Option("monitoring_namespace", name, "namespace whose Pods may scrape metrics; none: every namespace", "NAME"),
    Option("prometheus_address", url, "where KEDA's triggers ask", "URL"),
    Option("resync_seconds", seconds(1), "between two full lists, which find what a watch has missed", "SECONDS"),
    Option("own_keys_seconds", seconds(1), "between two looks at Secrets with users' own keys", "SECONDS"),
    Option("workers", whole(1, 256), "resources that are worked on at a time", "N"),
    Option("health_port", whole(0, 65535), "port of /healthz, /readyz and /metrics; 0: any free one", "PORT"),
    Option("leader_election", switch, "work only while holding the Lease; off for one process on a desk"),
    Option("lease_seconds", seconds(2), "how long the Lease holds without being renewed", "SECONDS"),
    Option("log_format", one_of(tuple(logs.FORMATTERS)), "logs for machines (json) or for people (text)", "FORMAT"),
    Option(
        "log_level", one_of(logs.LEVELS), "from the most to the least talkative: " + ", ".join(logs.LEVELS), "LEVEL"
    ),
)


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read the command line, and the environment for what it does not say.

    What is wrong or unknown ends the process with status 2 and one sentence.
    """
    parser = _Parser(prog=PROGRAM, description=__doc__, allow_abbrev=False)
    for option in OPTIONS:
        told = f"{option.help} (${option.variable})"
        if option.metavar:
            parser.add_argument(option.flag, metavar=option.metavar, help=told)
        else:
            parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, help=told)
    flags = vars(parser.parse_args(arguments))
    variables = _variables(parser, environment)
    found: dict[str, Any] = {}
    for option in OPTIONS:
        if flags[option.name] is not None:
            found[option.name] = _parse(parser, option, option.flag, str(flags[option.name]))
        elif variables.get(option.variable):  # an empty one is as good as none: manifests have them
            found[option.name] = _parse(parser, option, option.variable, variables[option.variable])
        elif option.required:
            parser.error(f"{option.flag} or {option.variable} is needed: {option.help}")
    own = {field.name for field in dataclasses.fields(Options)}
    config = Config(**{name: value for name, value in found.items() if name not in own})
    return Options(config, **{name: value for name, value in found.items() if name in own})


class _Parser(argparse.ArgumentParser):
    """An argument parser that says one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"modelport operator: {message}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)


def _parse(parser: _Parser, option: Option, source: str, value: str) -> Any:
    try:
        return option.parse(value)
    except ValueError as error:
        parser.error(f"{source}: expected {error}, got {value!r}")


def _variables(parser: _Parser, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the operator's variables; one that is nobody's is an error, as a flag would be."""
    found = {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not _is_service_link(name, value)
    }
    unknown = sorted(found.keys() - {option.variable for option in OPTIONS})
    if unknown:
        parser.error(f"{unknown[0]}: no such variable; `{PROGRAM} --help` lists them")
    return found


def _is_service_link(name: str, value: str) -> bool:
    """Tell whether the kubelet has set a variable because of a Service named modelport-operator or so.

    Such a Service named modelport-operator-health would bring a MODELPORT_OPERATOR_HEALTH_PORT of its own.
    """
    if re.search(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$", name):
        return True
    return name.endswith("_PORT") and "://" in value
