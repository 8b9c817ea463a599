"""An ingress controller, Traefik, in front of models: hosts, prefixes, TLS, and everything that a proxy can break."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from real_cluster.ingress import Ingress, run_controller
from real_cluster.kubectl import Kube, Object, eventually
from real_cluster.load import load
from real_cluster.report import Report

OWN, SHARED = "half.example.com", "models.example.com"
"""Host of one model, with TLS; and the host that the release was told to share."""
FRUIT, HALF, SLEEPER = "routed-fruit", "routed-half", "routed-sleeper"
LIMIT_BYTES = 32 * 2**20
LONG_SECONDS = 65
"""Longer than the minute that proxies wait by default."""
RIPE = {"inputs": {"colour": [0.9], "firmness": [0.2]}}


@pytest.fixture(scope="module")
def ingress(kube: Kube) -> Iterator[Ingress]:
    """Run Traefik, of the image that a variable names."""
    with run_controller(os.environ.get("MODELPORT_E2E_TRAEFIK", "traefik:v3.6")) as ingress:
        yield ingress


@pytest.fixture(scope="module")
def authority(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the certificate of the host with TLS, signed by itself; the models' namespace has it as a Secret."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={OWN}", "-addext", f"subjectAltName=DNS:{OWN}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    kube("delete", "secret/routed-tls", "--ignore-not-found")
    kube("create", "secret", "tls", "routed-tls", f"--cert={certificate}", f"--key={key}")
    return certificate


@pytest.fixture(scope="module")
def models(
    kube: Kube, ingress: Ingress, authority: Path, example: Callable[..., Object], source: Callable[[str], str]
) -> Iterator[Kube]:
    """Publish one model at a host of its own, and two below paths of the shared host."""
    own = {"host": OWN, "tls": {"secretName": "routed-tls"}}
    half = example("half-plus-two", HALF, access={"ingress": own}, limits={"bodyBytes": LIMIT_BYTES})
    fruit = example("ripeness", FRUIT, access={"ingress": {}}, execution={"instances": 2})
    fruit["spec"]["model"] |= {"name": "ripeness", "versions": {"policy": "Specific", "specific": [3]}}
    sleeper = example("echo", SLEEPER, access={"anonymous": True, "ingress": {"path": "/asleep"}})
    sleeper["spec"] |= {"io": {}, "limits": {"timeoutSeconds": 2 * LONG_SECONDS}}
    sleeper["spec"]["model"]["source"]["uri"] = source("sleeper")
    kube.apply(fruit, half, sleeper)
    kube.wait_settled(FRUIT, 2)
    for name in (HALF, SLEEPER):
        kube.wait_settled(name)
    yield kube
    kube("delete", *(f"pm/{name}" for name in (FRUIT, HALF, SLEEPER)))


def with_key(kube: Kube, name: str) -> list[str]:
    return ["--header", f"x-api-key: {kube.key(name)}"]


def url(kube: Kube, name: str) -> str:
    """Return where the resource says that it is reached."""
    return str(kube.get(f"pm/{name}")["status"]["url"])


def routed(ask: Callable[[], int]) -> None:
    """Wait for a controller that has seen the model's Ingress and Pods."""
    eventually(lambda: ask() == 200, 30, lambda: f"the controller answers {ask()}")


def test_a_host_of_its_own_has_tls(models: Kube, ingress: Ingress, authority: Path) -> None:
    assert url(models, HALF) == f"https://{OWN}"
    body = ["--data", '{"instances": [1.0, 2.0, 5.0]}', "--cacert", str(authority), *with_key(models, HALF)]
    predict = f"https://{OWN}/v1/models/half_plus_two:predict"
    routed(lambda: ingress.ask(predict, arguments=body)[0].status)
    (answer,) = ingress.ask(predict, arguments=body)
    assert answer.json == {"predictions": [2.5, 3.0, 4.5]}


def test_models_share_a_host_below_their_paths(models: Kube, ingress: Ingress) -> None:
    fruit, sleeper = url(models, FRUIT), url(models, SLEEPER)
    assert (fruit, sleeper) == (f"http://{SHARED}/{models.namespace}/{FRUIT}", f"http://{SHARED}/asleep")
    key = with_key(models, FRUIT)
    routed(lambda: ingress.ask(f"{fruit}/v1/models/ripeness", arguments=key)[0].status)
    routed(lambda: ingress.ask(f"{sleeper}/v1/models/{SLEEPER}")[0].status)
    (answer,) = ingress.ask(f"{fruit}/v1/models/ripeness:predict", arguments=["--data", json.dumps(RIPE), *key])
    assert len(answer.json["outputs"][0]) == 3
    (document,) = ingress.ask(f"{fruit}/openapi.json", arguments=key)
    assert document.json["servers"][0]["url"].rstrip("/").endswith(f"/{models.namespace}/{FRUIT}")


def test_a_key_is_asked_for(models: Kube, ingress: Ingress) -> None:
    predict = f"{url(models, FRUIT)}/v1/models/ripeness:predict"
    for header in ([], ["--header", "x-api-key: wrong"]):
        (answer,) = ingress.ask(predict, arguments=["--data", json.dumps(RIPE), *header])
        assert answer.status == 401
        assert "error" in answer.json


def test_big_bodies_come_through_whole(models: Kube, ingress: Ingress, authority: Path, tmp_path: Path) -> None:
    predict = f"https://{OWN}/v1/models/half_plus_two:predict"
    fixed = ["--cacert", str(authority), *with_key(models, HALF)]
    count = 2_000_000
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps({"instances": [float(number % 1000) for number in range(count)]}))
    assert LIMIT_BYTES / 4 < numbers.stat().st_size < LIMIT_BYTES
    (answer,) = ingress.ask(predict, arguments=["--data", f"@{numbers}", *fixed])
    assert answer.status == 200, answer.text[:300]
    assert answer.json["predictions"] == [number % 1000 / 2 + 2 for number in range(count)]

    numbers.write_bytes(b" " * (LIMIT_BYTES + 1))
    # Debian's curl 7.88 may lose an answer by HTTP/2 that comes before it has sent everything.
    (answer,) = ingress.ask(predict, arguments=["--http1.1", "--data-binary", f"@{numbers}", *fixed])
    assert answer.status == 413
    assert str(LIMIT_BYTES) in answer.json["error"]


def test_a_long_request_is_waited_for(models: Kube, ingress: Ingress) -> None:
    body = json.dumps({"inputs": {"seconds": [LONG_SECONDS]}})
    began = time.monotonic()
    predict = f"{url(models, SLEEPER)}/v1/models/{SLEEPER}:predict"
    (answer,) = ingress.ask(predict, arguments=["--data", body], seconds=2 * LONG_SECONDS)
    assert answer.status == 200, answer.text
    assert answer.json == {"outputs": [LONG_SECONDS]}
    assert time.monotonic() - began > LONG_SECONDS


def test_a_connection_is_kept(models: Kube, ingress: Ingress) -> None:
    answers = ingress.ask(*3 * [f"{url(models, FRUIT)}/v1/models/ripeness"], arguments=with_key(models, FRUIT))
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.connections for answer in answers] == [1, 0, 0]


def test_no_request_fails_while_the_model_is_updated(
    models: Kube, ingress: Ingress, images: Mapping[str, str], report: Report
) -> None:
    predict, hosts = f"{url(models, FRUIT)}/v1/models/ripeness:predict", {SHARED: ingress.address}
    began = time.monotonic()
    with load(models, images["modelport"], "load", predict, key=models.key(FRUIT), hosts=hosts) as running:
        time.sleep(2)
        models.patch(f"pm/{FRUIT}", model={"versions": {"specific": [4]}})
        models.wait_settled(FRUIT, 2)
        time.sleep(4)
    report.under_load("rolling update through Traefik", running.results, time.monotonic() - began)
    assert running.results["total"] > 100
    assert running.failed == 0, json.dumps(running.results["errors"], indent=1)
    assert models.get(f"pm/{FRUIT}")["status"]["model"]["version"] == "4"
