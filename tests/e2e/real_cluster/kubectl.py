"""kubectl on the test cluster, and no other one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

ALLOWED = "MODELPORT_E2E_CONTEXT"

Object = dict[str, Any]


class KubectlFailed(Exception):
    """kubectl ended with an error; the message holds its command and what it said."""


class Refused(Exception):
    """The current context is not known to be a test cluster's."""


def check_context(environment: dict[str, str]) -> str:
    """Return the current context's name, if it is that of a test cluster: kind's, or the one that a variable names.

    Everything here would happily delete the models of a production cluster.
    """
    done = subprocess.run(
        ["kubectl", "config", "current-context"], env=environment, capture_output=True, text=True, check=False
    )
    context = done.stdout.strip()
    if done.returncode:
        raise Refused(f"KUBECONFIG names no cluster: {done.stderr.strip()}")
    if not context.startswith("kind-") and context != environment.get(ALLOWED):
        raise Refused(
            f"the current context is {context!r}, which is not known to be a test cluster's: expected kind-…, or the "
            f"name that {ALLOWED} holds. The tests install, drain and delete."
        )
    return context


@dataclass(frozen=True)
class Kube:
    """kubectl in one namespace."""

    namespace: str

    def __call__(self, *arguments: object, stdin: str | None = None, seconds: float = 120) -> str:
        """Run kubectl and return what it prints; raise KubectlFailed with what it says."""
        command = ["kubectl", "--namespace", self.namespace, *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise KubectlFailed(f"{' '.join(command)}: {done.stderr}{done.stdout}")
        return done.stdout

    def apply(self, *objects: Object) -> None:
        """Apply objects, as the server does it: on the client's side an object is small."""
        self(
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            stdin=to_json({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def get(self, what: str, *arguments: object) -> Object:
        """Return an object, or a list of them."""
        found: Object = json.loads(self("get", what, "-o", "json", *arguments))
        return found

    def patch(self, what: str, **spec: Any) -> None:
        """Merge something into an object's spec."""
        self("patch", what, "--type=merge", "-p", json.dumps({"spec": spec}))

    def pods(self, model: str) -> list[Object]:
        """Return a model's Pods that are not on their way out."""
        pods: list[Object] = self.get("pods", "-l", f"app.kubernetes.io/instance={model}")["items"]
        return [
            pod
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            and pod["metadata"]["labels"]["app.kubernetes.io/name"] == "modelport-model"
        ]

    def condition(self, model: str, kind: str) -> Object:
        """Return a condition of a resource; empty where the operator has not said it yet."""
        conditions = self.get(f"pm/{model}").get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait_ready(self, model: str, seconds: int = 120) -> None:
        """Return when the model answers and nothing more is on its way."""
        self("wait", "--for=condition=Ready", f"pm/{model}", f"--timeout={seconds}s", seconds=seconds + 10)

    def wait_settled(self, model: str, instances: int = 1, seconds: int = 180) -> None:
        """Return when the spec as it is now runs in so many ready instances, and no others are left."""

        def settled() -> bool:
            resource = self.get(f"pm/{model}")
            progressing = self.condition(model, "Progressing")
            return (
                progressing.get("observedGeneration") == resource["metadata"]["generation"]
                and progressing.get("reason") == "Complete"
                and resource["status"].get("readyInstances") == instances
                and len(self.pods(model)) == instances
            )

        eventually(settled, seconds, lambda: json.dumps(self.get(f"pm/{model}").get("status"), indent=1))

    def key(self, model: str, name: str = "default") -> str:
        """Return a key's value."""
        template = "go-template={{.data." + name + " | base64decode}}"
        return self("get", f"secret/{model}-keys", "-o", template)

    @contextmanager
    def forwarded(self, what: str, port: int) -> Iterator[str]:
        """Give an address of this machine that leads to a Pod or Service."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            local = free.getsockname()[1]
        command = ["kubectl", "--namespace", self.namespace, "port-forward", what, f"{local}:{port}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as forward:
            try:
                eventually(partial(listens, local), 20, lambda: f"{' '.join(command)} does not listen")
                yield f"http://127.0.0.1:{local}"
            finally:
                forward.kill()


def to_json(manifest: Object) -> str:
    """Return JSON as kubectl reads it, of what YAML's reader has made of a manifest, moments among it."""
    return json.dumps(manifest, default=lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(
    true: Callable[[], object], seconds: float, tell: Callable[[], str] = lambda: "", pause: float = 0.5
) -> float:
    """Wait until something comes true and return how long that took; else fail with what there is to tell."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"did not come true within {seconds:g} s. {tell()}")
        time.sleep(pause)
    return time.monotonic() - began


def environment_command(name: str) -> list[str]:
    """Return the command that a variable holds, split as a shell does."""
    words = re.findall(r"\S+", os.environ.get(name, ""))
    if not words:
        raise Refused(f"{name} must hold a command; docs/architecture.md says which")
    return words
