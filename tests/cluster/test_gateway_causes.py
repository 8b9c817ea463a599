"""What Kubernetes does not know a Pod's gateway tells. A real small server at the Pod's address stands in for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from control_plane.cluster import Cluster
from models import Models, Spec, eventually, quiet_since
from running_operator import RunningOperator

from modelport_operator.readiness import Gateways, ask_gateway
from modelport_operator.resources import POD, Manifest
from modelport_operator.store import Key

SPEC: Spec = {
    "model": {"versions": {"policy": "Specific", "specific": [3, 4]}},
    "io": {"task": "ImageClassification", "inputs": [{"name": "image", "kind": "Image"}], "labels": ["cup", "bowl"]},
    "evaluation": {"sink": {"uri": "s3://sink/"}},
    "execution": {"pod": {"annotations": {"test.modelport.io/by-hand": ""}}},
}
WELL = {"ready": True, "state": "READY", "reason": ""}
BROKEN = {"ready": False, "state": "UNAVAILABLE", "reason": "Internal: no weights"}
UNLOADED = {"ready": False, "state": "UNAVAILABLE", "reason": "unloaded"}


class Gateway(ThreadingHTTPServer):
    """A gateway's metrics port, which says of the model what the test sets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.model: Manifest = {}


class Answering(BaseHTTPRequestHandler):
    """Answers `/readyz`."""

    server: Gateway

    def do_GET(self) -> None:
        model = self.server.model
        self.send_response(200 if model["ready"] else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"ready": model["ready"], "models": {"cups": model}, "problems": []}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(operator: RunningOperator) -> Iterator[Gateway]:
    """Give a gateway that the operator asks at every Pod's address, on a port of its own."""
    with Gateway() as server:
        operator.controller.reconciler.gateways = Gateways(partial(ask_gateway, port=server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pod_status(*, ready: bool) -> Manifest:
    """Return the status of a Pod on this machine whose gateway has run for a while."""
    running = {"running": {"startedAt": (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    common = {"imageID": "", "image": "example.com/modelport:1", "restartCount": 0, "ready": True}
    done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    fetch, triton = ({"name": name, "state": state} for name, state in (("fetch", done), ("triton", running)))
    return {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "conditions": [{"type": each, "status": str(ready)} for each in ("Ready", "ContainersReady")],
        "initContainerStatuses": [common | fetch, common | triton | {"started": True}],
        "containerStatuses": [common | {"name": "gateway", "state": running, "ready": ready}],
    }


def test_what_the_gateway_of_a_pod_says_stands_in_the_status(
    operator: RunningOperator, models: Models, gateway: Gateway
) -> None:
    gateway.model = BROKEN | {"versions": {"3": UNLOADED, "4": BROKEN}, "sink": {"ok": True}}
    models.publish(spec=SPEC)
    (pod,) = eventually(models.pods)
    models.set_status(POD, pod["metadata"]["name"], pod_status(ready=False))
    status = models.wait(Ready="False ModelFailed", ModelLoaded="False ModelFailed", SinkReady="Unknown NoInstances")
    assert status["state"] == "Failed"
    assert models.message("Ready") == "version 4: Internal: no weights"

    gateway.model = WELL | {"versions": {"3": WELL, "4": BROKEN}, "sink": {"ok": True}}
    models.set_status(POD, pod["metadata"]["name"], pod_status(ready=True))
    serving = {"Ready": "True Serving", "Progressing": "False Complete", "SinkReady": "True SinkReady"}
    status = models.wait(**serving, ModelLoaded="False ModelFailed")
    assert status["state"] == "Degraded"

    refused = {"ok": False, "reason": "denied", "message": "s3://sink/ answered 403 AccessDenied"}
    gateway.model = WELL | {"versions": {"3": WELL, "4": WELL}, "sink": refused}
    operator.advance(Key(models.namespace, "cups"), minutes=1)
    models.wait(ModelLoaded="True Loaded", SinkReady="False SinkDenied")
    told = "Warning SinkDenied SinkReady: flagged pictures cannot be stored: s3://sink/ answered 403 AccessDenied"
    eventually(models.events, lambda events: told in events)


def test_asking_writes_nothing_and_comes_again(
    operator: RunningOperator, models: Models, gateway: Gateway, cluster: Cluster
) -> None:
    gateway.model = WELL | {"versions": {"3": WELL, "4": WELL}, "sink": {"ok": True}}
    models.publish(spec=SPEC)
    (pod,) = eventually(models.pods)
    models.set_status(POD, pod["metadata"]["name"], pod_status(ready=True))
    models.wait(Ready="True Serving", SinkReady="True SinkReady", Progressing="False Complete")
    key = Key(models.namespace, "cups")
    writes = partial(cluster.writes, "operator", models.namespace)
    count = quiet_since(writes)
    for _ in range(5):
        operator.clock.ahead += timedelta(minutes=1)
        assert operator.reconcile(key) == 60
    quiet_since(writes)
    assert writes()[count:] == []
