"""The command line and the environment: what is said arrives, and what is wrong is one sentence and status 2."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modelport_operator.config import Config
from modelport_operator.options import OPTIONS, Options, parse_options

IMAGES = ["--runtime-image", "example.com/modelport:1", "--triton-image", "example.com/triton:1"]
CONFIG = Config("example.com/modelport:1", "example.com/triton:1")


def test_every_field_of_the_configuration_is_an_option_and_no_other() -> None:
    fields = {field.name for kind in (Config, Options) for field in dataclasses.fields(kind)} - {"config"}
    assert {option.name for option in OPTIONS} == fields
    assert len(OPTIONS) == len(fields)


def test_what_is_not_said_has_its_default() -> None:
    assert parse_options(IMAGES, {"PATH": "/bin"}) == Options(CONFIG)


SAID: dict[str, tuple[str, str, str, Any]] = {
    "namespaces": ("--namespaces", "vision, sound", "namespaces", ("vision", "sound")),
    "own namespace": ("--own-namespace", "ops", "own_namespace", "ops"),
    "pull policy": ("--image-pull-policy", "Always", "image_pull_policy", "Always"),
    "pull secrets": ("--image-pull-secrets", "a,b.c", "image_pull_secrets", ("a", "b.c")),
    "shared host": ("--shared-host", "models.example.com", "shared_host", "models.example.com"),
    "Prometheus": ("--prometheus-address", "http://p:9090", "prometheus_address", "http://p:9090"),
    "a time": ("--resync-seconds", "30", "resync_seconds", 30.0),
    "a number": ("--workers", "4", "workers", 4),
    "any free port": ("--health-port", "0", "health_port", 0),
}


@pytest.mark.parametrize(("flag", "value", "field", "expected"), SAID.values(), ids=SAID.keys())
def test_a_value(flag: str, value: str, field: str, expected: object) -> None:
    expected_config = dataclasses.replace(CONFIG, **{field: expected})
    variable = "MODELPORT_OPERATOR_" + field.upper()
    assert parse_options([*IMAGES, flag, value], {}).config == expected_config
    assert parse_options(IMAGES, {variable: value}).config == expected_config


@pytest.mark.parametrize(
    ("arguments", "environment", "on"),
    [
        (["--no-leader-election"], {}, False),
        ([], {"MODELPORT_OPERATOR_LEADER_ELECTION": "false"}, False),
        ([], {"MODELPORT_OPERATOR_LEADER_ELECTION": "True"}, True),
        (["--leader-election"], {"MODELPORT_OPERATOR_LEADER_ELECTION": "false"}, True),
    ],
    ids=["off by flag", "off by variable", "on by variable", "the flag wins"],
)
def test_what_is_on_or_off(arguments: list[str], environment: dict[str, str], on: bool) -> None:
    assert parse_options([*IMAGES, *arguments], environment).config.leader_election is on


def test_everything_may_come_from_the_environment() -> None:
    environment = {
        "MODELPORT_OPERATOR_RUNTIME_IMAGE": CONFIG.runtime_image,
        "MODELPORT_OPERATOR_TRITON_IMAGE": CONFIG.triton_image,
        "MODELPORT_OPERATOR_LOG_FORMAT": "text",
        "MODELPORT_OPERATOR_SHARED_HOST": "",
    }
    assert parse_options([], environment) == Options(CONFIG, log_format="text")


def test_what_the_kubelet_says_of_services_is_not_meant_for_the_operator() -> None:
    environment = {
        "MODELPORT_OPERATOR_SERVICE_HOST": "10.96.0.7",
        "MODELPORT_OPERATOR_SERVICE_PORT": "8081",
        "MODELPORT_OPERATOR_SERVICE_PORT_HEALTH": "8081",
        "MODELPORT_OPERATOR_PORT": "tcp://10.96.0.7:8081",
        "MODELPORT_OPERATOR_PORT_8081_TCP": "tcp://10.96.0.7:8081",
        "MODELPORT_OPERATOR_PORT_8081_TCP_ADDR": "10.96.0.7",
        "MODELPORT_OPERATOR_HEALTH_PORT": "tcp://10.96.0.7:8081",
        "MODELPORT_OPERATOR_HEALTH_SERVICE_HOST": "10.96.0.7",
    }
    assert parse_options(IMAGES, environment).config == CONFIG


WRONG: dict[str, tuple[list[str], dict[str, str], str]] = {
    "no image": (
        IMAGES[:2],
        {},
        "--triton-image or MODELPORT_OPERATOR_TRITON_IMAGE is needed: image of Triton, unless a resource names its own",
    ),
    "an unknown flag": ([*IMAGES, "--resync", "3"], {}, "unrecognized arguments: --resync 3"),
    "a word too many": ([*IMAGES, "now"], {}, "unrecognized arguments: now"),
    "an unknown variable": (
        IMAGES,
        {"MODELPORT_OPERATOR_RESYNC": "3"},
        "MODELPORT_OPERATOR_RESYNC: no such variable; `python -m modelport_operator --help` lists them",
    ),
    "no number": ([*IMAGES, "--workers", "x"], {}, "--workers: expected a whole number from 1 to 256, got 'x'"),
    "too large a number": ([*IMAGES, "--health-port", "65536"], {}, "--health-port: expected a whole number from 0"),
    "no time": ([*IMAGES, "--lease-seconds", "nan"], {}, "--lease-seconds: expected a number of seconds from 2"),
    "too short a time": ([*IMAGES, "--lease-seconds", "1"], {}, "--lease-seconds: expected a number of seconds from 2"),
    "no image's reference": (["--runtime-image", "a b"], {}, "--runtime-image: expected the reference of an image"),
    "no namespace": ([*IMAGES, "--own-namespace", "A"], {}, "--own-namespace: expected the name of a namespace"),
    "a pattern of namespaces": ([*IMAGES, "--namespaces", "team-*"], {}, "--namespaces: expected names with commas"),
    "a host with its scheme": (
        [*IMAGES, "--shared-host", "http://a"],
        {},
        "--shared-host: expected the name of a host, without scheme and port, got 'http://a'",
    ),
    "an address without scheme": ([*IMAGES, "--prometheus-address", "p:9090"], {}, "--prometheus-address: expected an"),
    "another policy": (
        [*IMAGES, "--image-pull-policy", "Sometimes"],
        {},
        "--image-pull-policy: expected one of Always, IfNotPresent, Never, got 'Sometimes'",
    ),
    "neither true nor false": (
        IMAGES,
        {"MODELPORT_OPERATOR_NETWORK_POLICIES": "maybe"},
        "MODELPORT_OPERATOR_NETWORK_POLICIES: expected true or false, got 'maybe'",
    ),
}


@pytest.mark.parametrize(("arguments", "environment", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong(
    arguments: list[str], environment: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(arguments, environment)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"modelport operator: {sentence}")
    assert said.count("\n") == 1
